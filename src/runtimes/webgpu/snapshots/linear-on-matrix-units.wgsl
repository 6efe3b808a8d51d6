// matmul: matrix units, tiles of 64x64, 1792 groups
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out_0: array<f32>;
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
  write(i, t9);
}

var<workgroup> leftTile: array<f16, 2048>;
var<workgroup> rightTile: array<f16, 2048>;
var<workgroup> staged: array<f32, 1024>;
fn fourLeft(sheet: u32, row: u32, k: u32) -> vec4<f32> {
  if (!(k < 2048u && row < 3570u)) { return vec4<f32>(); }
  return load0x4(row * 2048u + k);
}
fn fourRight(sheet: u32, column: u32, k: u32) -> vec4<f32> {
  if (!(k < 2048u && column < 2048u)) { return vec4<f32>(); }
  return load1x4(column * 2048u + k);
}
fn work(group: u32, lane: u32) {
  let firstColumn = (group % 32u) * 64u;
  let firstRow = (group / 32u % 56u) * 64u;
  let sheet = group / 1792u % 1u;
  let part = group / 1792u;
  let own = lane / 32u;
  let ownRow = own / 2u * 32u;
  let ownColumn = own % 2u * 32u;
  var sum0_0 = subgroup_matrix_result<f32, 16, 16>();
  var sum0_1 = subgroup_matrix_result<f32, 16, 16>();
  var sum1_0 = subgroup_matrix_result<f32, 16, 16>();
  var sum1_1 = subgroup_matrix_result<f32, 16, 16>();
  for (var slice = part * 64u; slice < min(64u, (part + 1u) * 64u); slice++) {
    let firstInner = slice * 32u;
    for (var e = lane; e < 512u; e += 128u) {
      let k = e % 8u * 4u;
      let outer = e / 8u;
      let value = fourLeft(sheet, firstRow + outer, firstInner + k);
      let narrow = vec4<f16>(clamp(value, -vec4<f32>(65504.0f), vec4<f32>(65504.0f)));
      leftTile[e * 4u + 0u] = narrow[0];
      leftTile[e * 4u + 1u] = narrow[1];
      leftTile[e * 4u + 2u] = narrow[2];
      leftTile[e * 4u + 3u] = narrow[3];
    }
    for (var e = lane; e < 512u; e += 128u) {
      let k = e % 8u * 4u;
      let outer = e / 8u;
      let value = fourRight(sheet, firstColumn + outer, firstInner + k);
      let narrow = vec4<f16>(clamp(value, -vec4<f32>(65504.0f), vec4<f32>(65504.0f)));
      rightTile[e * 4u + 0u] = narrow[0];
      rightTile[e * 4u + 1u] = narrow[1];
      rightTile[e * 4u + 2u] = narrow[2];
      rightTile[e * 4u + 3u] = narrow[3];
    }
    workgroupBarrier();
    for (var k = 0u; k < 32u; k += 16u) {
      let left0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&leftTile, (ownRow + 0u) * 32u + k, 32u);
      let left1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&leftTile, (ownRow + 16u) * 32u + k, 32u);
      let right0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&rightTile, (ownColumn + 0u) * 32u + k, 32u);
      let right1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&rightTile, (ownColumn + 16u) * 32u + k, 32u);
      sum0_0 = subgroupMatrixMultiplyAccumulate(left0, right0, sum0_0);
      sum0_1 = subgroupMatrixMultiplyAccumulate(left0, right1, sum0_1);
      sum1_0 = subgroupMatrixMultiplyAccumulate(left1, right0, sum1_0);
      sum1_1 = subgroupMatrixMultiplyAccumulate(left1, right1, sum1_1);
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&staged, own * 256u, sum0_0, 16u);
  workgroupBarrier();
  put(part, sheet, firstRow + ownRow + 0u, firstColumn + ownColumn + 0u, own, lane % 32u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&staged, own * 256u, sum0_1, 16u);
  workgroupBarrier();
  put(part, sheet, firstRow + ownRow + 0u, firstColumn + ownColumn + 16u, own, lane % 32u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&staged, own * 256u, sum1_0, 16u);
  workgroupBarrier();
  put(part, sheet, firstRow + ownRow + 16u, firstColumn + ownColumn + 0u, own, lane % 32u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&staged, own * 256u, sum1_1, 16u);
  workgroupBarrier();
  put(part, sheet, firstRow + ownRow + 16u, firstColumn + ownColumn + 16u, own, lane % 32u);
  workgroupBarrier();
}
fn put(part: u32, sheet: u32, firstRow: u32, firstColumn: u32, own: u32, lane: u32) {
  for (var e = lane; e < 256u; e += 32u) {
    let row = firstRow + e / 16u;
    let column = firstColumn + e % 16u;
    if (row < 3570u && column < 2048u) {
      store((sheet * 3570u + row) * 2048u + column, staged[own * 256u + e]);
    }
  }
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 1792u) { work(group, lane); }
}
