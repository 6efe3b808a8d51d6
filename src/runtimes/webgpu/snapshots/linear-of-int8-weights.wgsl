// matmul: tiles of 64x64 in 2 parts, 112 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<u32>;
@group(0) @binding(2) var<storage, read> in1_rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> out_0: array<f32>;
fn int8(word: u32) -> vec4<f32> { return vec4<f32>(unpack4xI8(word)); }
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> f32 {
  let t0 = raw0(i);
  return t0;
}
fn load0x4(i: u32) -> vec4<f32> { return in0_0[i / 4u]; }
fn raw1(i: u32) -> f32 {  return int8(in1_0[i / 4u])[i % 4u] * in1_rows[i / 2048u];  }
fn load1(i: u32) -> f32 {
  let t0 = raw1(i);
  return t0;
}
fn load1x4(i: u32) -> vec4<f32> { return int8(in1_0[i / 4u]) * in1_rows[i / 2048u]; }
fn store(i: u32, value: f32) { write(i, value); }

var<workgroup> leftTile: array<f32, 1024>;
var<workgroup> rightTile: array<f32, 1024>;
fn fourLeft(sheet: u32, row: u32, k: u32) -> vec4<f32> {
  if (!(k < 2048u && row < 3570u)) { return vec4<f32>(); }
  return load0x4(row * 2048u + k);
}
fn fourRight(sheet: u32, column: u32, k: u32) -> vec4<f32> {
  if (!(k < 2048u && column < 64u)) { return vec4<f32>(); }
  return load1x4(column * 2048u + k);
}
fn work(group: u32, lane: u32) {
  let firstColumn = (group % 1u) * 64u;
  let firstRow = (group / 1u % 56u) * 64u;
  let sheet = group / 56u % 1u;
  let part = group / 56u;
  let ownRow = lane / 16u * 4u;
  let ownColumn = lane % 16u * 4u;
  var sum0_0 = vec4<f32>();
  var sum1_0 = vec4<f32>();
  var sum2_0 = vec4<f32>();
  var sum3_0 = vec4<f32>();
  for (var slice = part * 64u; slice < min(128u, (part + 1u) * 64u); slice++) {
    let firstInner = slice * 16u;
    for (var e = lane; e < 256u; e += 256u) {
      let k = e % 4u * 4u;
      let outer = e / 4u;
      let value = fourLeft(sheet, firstRow + outer, firstInner + k);
      leftTile[(k + 0u) * 64u + outer] = value[0];
      leftTile[(k + 1u) * 64u + outer] = value[1];
      leftTile[(k + 2u) * 64u + outer] = value[2];
      leftTile[(k + 3u) * 64u + outer] = value[3];
    }
    for (var e = lane; e < 256u; e += 256u) {
      let k = e % 4u * 4u;
      let outer = e / 4u;
      let value = fourRight(sheet, firstColumn + outer, firstInner + k);
      rightTile[(k + 0u) * 64u + outer] = value[0];
      rightTile[(k + 1u) * 64u + outer] = value[1];
      rightTile[(k + 2u) * 64u + outer] = value[2];
      rightTile[(k + 3u) * 64u + outer] = value[3];
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let a0 = leftTile[k * 64u + ownRow + 0u];
      let a1 = leftTile[k * 64u + ownRow + 1u];
      let a2 = leftTile[k * 64u + ownRow + 2u];
      let a3 = leftTile[k * 64u + ownRow + 3u];
      let b0 = vec4(rightTile[k * 64u + ownColumn + 0u], rightTile[k * 64u + ownColumn + 0u + 1u], rightTile[k * 64u + ownColumn + 0u + 2u], rightTile[k * 64u + ownColumn + 0u + 3u]);
      sum0_0 += a0 * b0;
      sum1_0 += a1 * b0;
      sum2_0 += a2 * b0;
      sum3_0 += a3 * b0;
    }
    workgroupBarrier();
  }
  put(part, sheet, firstRow + ownRow + 0u, firstColumn + ownColumn + 0u, sum0_0);
  put(part, sheet, firstRow + ownRow + 1u, firstColumn + ownColumn + 0u, sum1_0);
  put(part, sheet, firstRow + ownRow + 2u, firstColumn + ownColumn + 0u, sum2_0);
  put(part, sheet, firstRow + ownRow + 3u, firstColumn + ownColumn + 0u, sum3_0);
}
fn put(part: u32, sheet: u32, row: u32, first: u32, values: vec4<f32>) {
  if (row >= 3570u) { return; }
  for (var j = 0u; j < 4u; j++) {
    let column = first + j;
    if (column < 64u) {
      store(part * 228480u + (sheet * 3570u + row) * 64u + column, values[j]);
    }
  }
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 112u) { work(group, lane); }
}

// matmul: sum of parts, 3570 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> f32 { return raw0(i); }
fn store(i: u32, value: f32) {
  write(i, value);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 228480u) { var sum = 0.0f;
  for (var part = 0u; part < 2u; part++) { sum += load0(part * 228480u + i); }
  store(i, sum); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 3570u) { work(group, lane); }
}
