// attention: matrix units, streaming, 32 queries by 32 keys, 3584 groups
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
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
fn load2(i: u32) -> f32 {
  let t0 = raw2(i);
  return t0;
}
fn load2x4(i: u32) -> vec4<f32> { return in2_0[i / 4u]; }
fn raw3(i: u32) -> f32 {  return in3_0[i / 4u][i % 4u];  }
fn load3(i: u32) -> f32 {
  let t0 = raw3(i);
  return t0;
}
fn load3x4(i: u32) -> vec4<f32> { return in3_0[i / 4u]; }
fn store(i: u32, value: f32) {
  write(i, value);
}

var<workgroup> others: array<f16, 2304>; // queries, then keys and values in turn
var<workgroup> scores: array<f32, 1152>;
var<workgroup> powers: array<f16, 1280>;
var<workgroup> outgrown: atomic<u32>;
fn keep(at: u32, value: vec4<f32>) {
  let narrow = vec4<f16>(clamp(value, vec4<f32>(-65504.0f), vec4<f32>(65504.0f)));
  others[at + 0u] = narrow[0];
  others[at + 1u] = narrow[1];
  others[at + 2u] = narrow[2];
  others[at + 3u] = narrow[3];
}
fn work(group: u32, lane: u32) {
  let firstRow = group % 112u * 32u;
  let head = group / 112u % 32u;
  let batch = group / 3584u;
  let firstOwn = lane / 64u * 16u;
  let row = lane / 4u; // which 4 lanes of its subgroup share
  let own = lane % 4u;
  for (var e = lane; e < 512u; e += 128u) {
    let at = firstRow + e / 16u;
    var value = vec4<f32>();
    if (at < 3570u) { value = load0x4((batch * 3570u + at) * 2048u + head * 64u + e % 16u * 4u); }
    keep(e / 16u * 72u + e % 16u * 4u, value);
  }
  workgroupBarrier();
  let query0_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&others, (firstOwn + 0u) * 72u + 0u, 72u);
  var sum0_0 = subgroup_matrix_result<f32, 16, 16>();
  let query0_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&others, (firstOwn + 0u) * 72u + 16u, 72u);
  var sum0_1 = subgroup_matrix_result<f32, 16, 16>();
  let query0_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&others, (firstOwn + 0u) * 72u + 32u, 72u);
  var sum0_2 = subgroup_matrix_result<f32, 16, 16>();
  let query0_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&others, (firstOwn + 0u) * 72u + 48u, 72u);
  var sum0_3 = subgroup_matrix_result<f32, 16, 16>();
  var most = -3.4028234663852886e+38f;
  var base = -3.4028234663852886e+38f;
  var total = 0.0f;
  for (var firstKey = 0u; firstKey < 3570u; firstKey += 32u) {
  workgroupBarrier();
  for (var e = lane; e < 512u; e += 128u) {
    let at = firstKey + e / 16u;
    var value = vec4<f32>();
    if (at < 3570u) { value = load1x4((batch * 3570u + at) * 2048u + head * 64u + e % 16u * 4u); }
    keep(e / 16u * 72u + e % 16u * 4u, value);
  }
  if (lane == 0u) { atomicStore(&outgrown, 0u); }
  workgroupBarrier();
  for (var j = 0u; j < 32u; j += 16u) {
    var product0 = subgroup_matrix_result<f32, 16, 16>();
    let key0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&others, j * 72u + 0u, 72u);
    product0 = subgroupMatrixMultiplyAccumulate(query0_0, key0, product0);
    let key1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&others, j * 72u + 16u, 72u);
    product0 = subgroupMatrixMultiplyAccumulate(query0_1, key1, product0);
    let key2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&others, j * 72u + 32u, 72u);
    product0 = subgroupMatrixMultiplyAccumulate(query0_2, key2, product0);
    let key3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&others, j * 72u + 48u, 72u);
    product0 = subgroupMatrixMultiplyAccumulate(query0_3, key3, product0);
    subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + j, product0, 36u);
  }
  workgroupBarrier();
  for (var e = lane; e < 512u; e += 128u) {
    let at = firstKey + e / 16u;
    var value = vec4<f32>();
    if (at < 3570u) { value = load2x4((batch * 3570u + at) * 2048u + head * 64u + e % 16u * 4u); }
    keep(e / 16u * 72u + e % 16u * 4u, value);
  }
  let score0 = masked(scores[row * 36u + own + 0u] * 0.125f, batch, head, firstRow + row, firstKey + own + 0u);
  most = max(most, score0);
  let score1 = masked(scores[row * 36u + own + 4u] * 0.125f, batch, head, firstRow + row, firstKey + own + 4u);
  most = max(most, score1);
  let score2 = masked(scores[row * 36u + own + 8u] * 0.125f, batch, head, firstRow + row, firstKey + own + 8u);
  most = max(most, score2);
  let score3 = masked(scores[row * 36u + own + 12u] * 0.125f, batch, head, firstRow + row, firstKey + own + 12u);
  most = max(most, score3);
  let score4 = masked(scores[row * 36u + own + 16u] * 0.125f, batch, head, firstRow + row, firstKey + own + 16u);
  most = max(most, score4);
  let score5 = masked(scores[row * 36u + own + 20u] * 0.125f, batch, head, firstRow + row, firstKey + own + 20u);
  most = max(most, score5);
  let score6 = masked(scores[row * 36u + own + 24u] * 0.125f, batch, head, firstRow + row, firstKey + own + 24u);
  most = max(most, score6);
  let score7 = masked(scores[row * 36u + own + 28u] * 0.125f, batch, head, firstRow + row, firstKey + own + 28u);
  most = max(most, score7);
  most = max(most, subgroupShuffleXor(most, 2u));
  most = max(most, subgroupShuffleXor(most, 1u));
  if (most > base + 11.0f) { atomicStore(&outgrown, 1u); }
  if (workgroupUniformLoad(&outgrown) != 0u) {
  let raised = max(base, most - 6.0f);
  let shrink = exp(base - raised);
  base = raised;
  total *= shrink;
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 0u, sum0_0, 36u);
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 16u, sum0_1, 36u);
  workgroupBarrier();
  for (var c = own; c < 32u; c += 4u) { scores[row * 36u + c] *= shrink; }
  workgroupBarrier();
  sum0_0 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, (firstOwn + 0u) * 36u + 0u, 36u);
  sum0_1 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, (firstOwn + 0u) * 36u + 16u, 36u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 0u, sum0_2, 36u);
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 16u, sum0_3, 36u);
  workgroupBarrier();
  for (var c = own; c < 32u; c += 4u) { scores[row * 36u + c] *= shrink; }
  workgroupBarrier();
  sum0_2 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, (firstOwn + 0u) * 36u + 0u, 36u);
  sum0_3 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&scores, (firstOwn + 0u) * 36u + 16u, 36u);
  workgroupBarrier();
  }
  let power0 = f16(select(0.0f, exp(score0 - base), firstKey + own + 0u < 3570u));
  powers[row * 40u + own + 0u] = power0;
  total += f32(power0);
  let power1 = f16(select(0.0f, exp(score1 - base), firstKey + own + 4u < 3570u));
  powers[row * 40u + own + 4u] = power1;
  total += f32(power1);
  let power2 = f16(select(0.0f, exp(score2 - base), firstKey + own + 8u < 3570u));
  powers[row * 40u + own + 8u] = power2;
  total += f32(power2);
  let power3 = f16(select(0.0f, exp(score3 - base), firstKey + own + 12u < 3570u));
  powers[row * 40u + own + 12u] = power3;
  total += f32(power3);
  let power4 = f16(select(0.0f, exp(score4 - base), firstKey + own + 16u < 3570u));
  powers[row * 40u + own + 16u] = power4;
  total += f32(power4);
  let power5 = f16(select(0.0f, exp(score5 - base), firstKey + own + 20u < 3570u));
  powers[row * 40u + own + 20u] = power5;
  total += f32(power5);
  let power6 = f16(select(0.0f, exp(score6 - base), firstKey + own + 24u < 3570u));
  powers[row * 40u + own + 24u] = power6;
  total += f32(power6);
  let power7 = f16(select(0.0f, exp(score7 - base), firstKey + own + 28u < 3570u));
  powers[row * 40u + own + 28u] = power7;
  total += f32(power7);
  workgroupBarrier();
  for (var j = 0u; j < 32u; j += 16u) {
    let part0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&powers, (firstOwn + 0u) * 40u + j, 40u);
    let value0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&others, j * 72u + 0u, 72u);
    sum0_0 = subgroupMatrixMultiplyAccumulate(part0, value0, sum0_0);
    let value1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&others, j * 72u + 16u, 72u);
    sum0_1 = subgroupMatrixMultiplyAccumulate(part0, value1, sum0_1);
    let value2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&others, j * 72u + 32u, 72u);
    sum0_2 = subgroupMatrixMultiplyAccumulate(part0, value2, sum0_2);
    let value3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&others, j * 72u + 48u, 72u);
    sum0_3 = subgroupMatrixMultiplyAccumulate(part0, value3, sum0_3);
  }
  }
  total += subgroupShuffleXor(total, 2u);
  total += subgroupShuffleXor(total, 1u);
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 0u, sum0_0, 36u);
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 16u, sum0_1, 36u);
  workgroupBarrier();
  for (var c = own; c < 32u; c += 4u) { put(batch, head, firstRow + row, 0u + c, scores[row * 36u + c] / total); }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 0u, sum0_2, 36u);
  subgroupMatrixStore<row_major>(&scores, (firstOwn + 0u) * 36u + 16u, sum0_3, 36u);
  workgroupBarrier();
  for (var c = own; c < 32u; c += 4u) { put(batch, head, firstRow + row, 32u + c, scores[row * 36u + c] / total); }
  workgroupBarrier();
}
fn put(batch: u32, head: u32, row: u32, channel: u32, value: f32) {
  if (row < 3570u) { store((batch * 3570u + row) * 2048u + head * 64u + channel, value); }
}
fn masked(score: f32, batch: u32, head: u32, row: u32, key: u32) -> f32 {
  if (key >= 3570u || row >= 3570u) { return -3.4028234663852886e+38f; }
  return score + load3(key * 1u);
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 3584u) { work(group, lane); }
}
