// matmul: tiles of 128x128, 448 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in3_0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> f32 {
  let t0 = raw0(i);
  return t0;
}
fn load0x4(i: u32) -> vec4<f32> { return in0_0[i / 4u]; }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn load1(i: u32) -> f32 {
  let t0 = raw1(i);
  return t0;
}
fn load1x4(i: u32) -> vec4<f32> { return in1_0[i / 4u]; }
fn raw2(i: u32) -> f32 {  return in2_0[i / 4u][i % 4u];  }
fn raw3(i: u32) -> f32 {  return in3_0[i / 4u][i % 4u];  }
fn store(i: u32, value: f32) {
  let t0 = i % 2048u;
  let t1 = i / 2048u;
  let t2 = raw2(t0);
  let t3 = value + t2;
  let t4 = t3 * t3;
  let t5 = t4 * 0.07135481387376785f;
  let t6 = t5 + 1.5957691669464111f;
  let t7 = t3 * t6;
  let t8 = 1.0f / (1.0f + exp(-(t7)));
  let t9 = t3 * t8;
  let t10 = raw3(t0);
  let t11 = t9 * t10;
  let t12 = raw0(i);
  let t13 = t11 + t12;
  write(i, t13);
}

var<workgroup> leftTile: array<f32, 2048>;
var<workgroup> rightTile: array<f32, 2048>;
fn fourLeft(sheet: u32, row: u32, k: u32) -> vec4<f32> {
  if (!(k < 2048u && row < 3570u)) { return vec4<f32>(); }
  return load0x4(row * 2048u + k);
}
fn fourRight(sheet: u32, column: u32, k: u32) -> vec4<f32> {
  if (!(k < 2048u && column < 2048u)) { return vec4<f32>(); }
  return load1x4(column * 2048u + k);
}
fn work(group: u32, lane: u32) {
  let firstColumn = (group % 16u) * 128u;
  let firstRow = (group / 16u % 28u) * 128u;
  let sheet = group / 448u % 1u;
  let part = group / 448u;
  let ownRow = lane / 16u * 8u;
  let ownColumn = lane % 16u * 4u;
  var sum0_0 = vec4<f32>();
  var sum0_1 = vec4<f32>();
  var sum1_0 = vec4<f32>();
  var sum1_1 = vec4<f32>();
  var sum2_0 = vec4<f32>();
  var sum2_1 = vec4<f32>();
  var sum3_0 = vec4<f32>();
  var sum3_1 = vec4<f32>();
  var sum4_0 = vec4<f32>();
  var sum4_1 = vec4<f32>();
  var sum5_0 = vec4<f32>();
  var sum5_1 = vec4<f32>();
  var sum6_0 = vec4<f32>();
  var sum6_1 = vec4<f32>();
  var sum7_0 = vec4<f32>();
  var sum7_1 = vec4<f32>();
  for (var slice = part * 128u; slice < min(128u, (part + 1u) * 128u); slice++) {
    let firstInner = slice * 16u;
    for (var e = lane; e < 512u; e += 256u) {
      let k = e % 4u * 4u;
      let outer = e / 4u;
      let value = fourLeft(sheet, firstRow + outer, firstInner + k);
      leftTile[(k + 0u) * 128u + outer] = value[0];
      leftTile[(k + 1u) * 128u + outer] = value[1];
      leftTile[(k + 2u) * 128u + outer] = value[2];
      leftTile[(k + 3u) * 128u + outer] = value[3];
    }
    for (var e = lane; e < 512u; e += 256u) {
      let k = e % 4u * 4u;
      let outer = e / 4u;
      let value = fourRight(sheet, firstColumn + outer, firstInner + k);
      rightTile[(k + 0u) * 128u + outer] = value[0];
      rightTile[(k + 1u) * 128u + outer] = value[1];
      rightTile[(k + 2u) * 128u + outer] = value[2];
      rightTile[(k + 3u) * 128u + outer] = value[3];
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let a0 = leftTile[k * 128u + ownRow + 0u];
      let a1 = leftTile[k * 128u + ownRow + 1u];
      let a2 = leftTile[k * 128u + ownRow + 2u];
      let a3 = leftTile[k * 128u + ownRow + 3u];
      let a4 = leftTile[k * 128u + ownRow + 4u];
      let a5 = leftTile[k * 128u + ownRow + 5u];
      let a6 = leftTile[k * 128u + ownRow + 6u];
      let a7 = leftTile[k * 128u + ownRow + 7u];
      let b0 = vec4(rightTile[k * 128u + ownColumn + 0u], rightTile[k * 128u + ownColumn + 0u + 1u], rightTile[k * 128u + ownColumn + 0u + 2u], rightTile[k * 128u + ownColumn + 0u + 3u]);
      let b1 = vec4(rightTile[k * 128u + ownColumn + 64u], rightTile[k * 128u + ownColumn + 64u + 1u], rightTile[k * 128u + ownColumn + 64u + 2u], rightTile[k * 128u + ownColumn + 64u + 3u]);
      sum0_0 += a0 * b0;
      sum0_1 += a0 * b1;
      sum1_0 += a1 * b0;
      sum1_1 += a1 * b1;
      sum2_0 += a2 * b0;
      sum2_1 += a2 * b1;
      sum3_0 += a3 * b0;
      sum3_1 += a3 * b1;
      sum4_0 += a4 * b0;
      sum4_1 += a4 * b1;
      sum5_0 += a5 * b0;
      sum5_1 += a5 * b1;
      sum6_0 += a6 * b0;
      sum6_1 += a6 * b1;
      sum7_0 += a7 * b0;
      sum7_1 += a7 * b1;
    }
    workgroupBarrier();
  }
  put(part, sheet, firstRow + ownRow + 0u, firstColumn + ownColumn + 0u, sum0_0);
  put(part, sheet, firstRow + ownRow + 0u, firstColumn + ownColumn + 64u, sum0_1);
  put(part, sheet, firstRow + ownRow + 1u, firstColumn + ownColumn + 0u, sum1_0);
  put(part, sheet, firstRow + ownRow + 1u, firstColumn + ownColumn + 64u, sum1_1);
  put(part, sheet, firstRow + ownRow + 2u, firstColumn + ownColumn + 0u, sum2_0);
  put(part, sheet, firstRow + ownRow + 2u, firstColumn + ownColumn + 64u, sum2_1);
  put(part, sheet, firstRow + ownRow + 3u, firstColumn + ownColumn + 0u, sum3_0);
  put(part, sheet, firstRow + ownRow + 3u, firstColumn + ownColumn + 64u, sum3_1);
  put(part, sheet, firstRow + ownRow + 4u, firstColumn + ownColumn + 0u, sum4_0);
  put(part, sheet, firstRow + ownRow + 4u, firstColumn + ownColumn + 64u, sum4_1);
  put(part, sheet, firstRow + ownRow + 5u, firstColumn + ownColumn + 0u, sum5_0);
  put(part, sheet, firstRow + ownRow + 5u, firstColumn + ownColumn + 64u, sum5_1);
  put(part, sheet, firstRow + ownRow + 6u, firstColumn + ownColumn + 0u, sum6_0);
  put(part, sheet, firstRow + ownRow + 6u, firstColumn + ownColumn + 64u, sum6_1);
  put(part, sheet, firstRow + ownRow + 7u, firstColumn + ownColumn + 0u, sum7_0);
  put(part, sheet, firstRow + ownRow + 7u, firstColumn + ownColumn + 64u, sum7_1);
}
fn put(part: u32, sheet: u32, row: u32, first: u32, values: vec4<f32>) {
  if (row >= 3570u) { return; }
  for (var j = 0u; j < 4u; j++) {
    let column = first + j;
    if (column < 2048u) {
      store((sheet * 3570u + row) * 2048u + column, values[j]);
    }
  }
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 448u) { work(group, lane); }
}
