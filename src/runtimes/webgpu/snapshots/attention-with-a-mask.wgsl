// attention: streaming, 32 queries by 16 keys, 3584 groups
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

var<workgroup> queries: array<vec4<f32>, 544>;
var<workgroup> others: array<vec4<f32>, 272>; // keys, then values
var<workgroup> scores: array<f32, 544>;
fn work(group: u32, lane: u32) {
  let firstRow = group % 112u * 32u;
  let head = group / 112u % 32u;
  let batch = group / 3584u;
  let ownRow = lane / 8u * 4u;
  let own = lane % 8u;
  for (var e = lane; e < 512u; e += 64u) {
    let row = firstRow + e / 16u;
    var value = vec4<f32>();
    if (row < 3570u) { value = load0x4((batch * 3570u + row) * 2048u + head * 64u + e % 16u * 4u); }
    queries[e / 16u * 17u + e % 16u] = value * 0.125f;
  }
  var most0 = -3.4028234663852886e+38f;
  var total0 = 0.0f;
  var sum0_0 = vec4<f32>();
  var sum0_1 = vec4<f32>();
  var most1 = -3.4028234663852886e+38f;
  var total1 = 0.0f;
  var sum1_0 = vec4<f32>();
  var sum1_1 = vec4<f32>();
  var most2 = -3.4028234663852886e+38f;
  var total2 = 0.0f;
  var sum2_0 = vec4<f32>();
  var sum2_1 = vec4<f32>();
  var most3 = -3.4028234663852886e+38f;
  var total3 = 0.0f;
  var sum3_0 = vec4<f32>();
  var sum3_1 = vec4<f32>();
  for (var firstKey = 0u; firstKey < 3570u; firstKey += 16u) {
    workgroupBarrier();
    for (var e = lane; e < 256u; e += 64u) {
      let key = firstKey + e / 16u;
      var value = vec4<f32>();
      if (key < 3570u) { value = load1x4((batch * 3570u + key) * 2048u + head * 64u + e % 16u * 4u); }
      others[e / 16u * 17u + e % 16u] = value;
    }
    workgroupBarrier();
    var score0_0 = 0.0f;
    var score0_1 = 0.0f;
    var score1_0 = 0.0f;
    var score1_1 = 0.0f;
    var score2_0 = 0.0f;
    var score2_1 = 0.0f;
    var score3_0 = 0.0f;
    var score3_1 = 0.0f;
    for (var c = 0u; c < 16u; c++) {
      let q0 = queries[(ownRow + 0u) * 17u + c];
      let q1 = queries[(ownRow + 1u) * 17u + c];
      let q2 = queries[(ownRow + 2u) * 17u + c];
      let q3 = queries[(ownRow + 3u) * 17u + c];
      let k0 = others[(own + 0u) * 17u + c];
      let k1 = others[(own + 8u) * 17u + c];
      score0_0 += dot(q0, k0);
      score0_1 += dot(q0, k1);
      score1_0 += dot(q1, k0);
      score1_1 += dot(q1, k1);
      score2_0 += dot(q2, k0);
      score2_1 += dot(q2, k1);
      score3_0 += dot(q3, k0);
      score3_1 += dot(q3, k1);
    }
    score0_0 = masked(score0_0, batch, head, firstRow + ownRow + 0u, firstKey + own + 0u);
    scores[(ownRow + 0u) * 17u + own + 0u] = score0_0;
    score0_1 = masked(score0_1, batch, head, firstRow + ownRow + 0u, firstKey + own + 8u);
    scores[(ownRow + 0u) * 17u + own + 8u] = score0_1;
    score1_0 = masked(score1_0, batch, head, firstRow + ownRow + 1u, firstKey + own + 0u);
    scores[(ownRow + 1u) * 17u + own + 0u] = score1_0;
    score1_1 = masked(score1_1, batch, head, firstRow + ownRow + 1u, firstKey + own + 8u);
    scores[(ownRow + 1u) * 17u + own + 8u] = score1_1;
    score2_0 = masked(score2_0, batch, head, firstRow + ownRow + 2u, firstKey + own + 0u);
    scores[(ownRow + 2u) * 17u + own + 0u] = score2_0;
    score2_1 = masked(score2_1, batch, head, firstRow + ownRow + 2u, firstKey + own + 8u);
    scores[(ownRow + 2u) * 17u + own + 8u] = score2_1;
    score3_0 = masked(score3_0, batch, head, firstRow + ownRow + 3u, firstKey + own + 0u);
    scores[(ownRow + 3u) * 17u + own + 0u] = score3_0;
    score3_1 = masked(score3_1, batch, head, firstRow + ownRow + 3u, firstKey + own + 8u);
    scores[(ownRow + 3u) * 17u + own + 8u] = score3_1;
    workgroupBarrier();
    for (var e = lane; e < 256u; e += 64u) {
      let key = firstKey + e / 16u;
      var value = vec4<f32>();
      if (key < 3570u) { value = load2x4((batch * 3570u + key) * 2048u + head * 64u + e % 16u * 4u); }
      others[e / 16u * 17u + e % 16u] = value;
    }
    let before0 = most0;
    let before1 = most1;
    let before2 = most2;
    let before3 = most3;
    for (var j = 0u; j < 16u; j++) {
      most0 = max(most0, scores[(ownRow + 0u) * 17u + j]);
      most1 = max(most1, scores[(ownRow + 1u) * 17u + j]);
      most2 = max(most2, scores[(ownRow + 2u) * 17u + j]);
      most3 = max(most3, scores[(ownRow + 3u) * 17u + j]);
    }
    workgroupBarrier();
    let shrink0 = exp(before0 - most0);
    total0 *= shrink0;
    sum0_0 *= shrink0;
    sum0_1 *= shrink0;
    scores[(ownRow + 0u) * 17u + own + 0u] = select(0.0f, exp(score0_0 - most0), firstKey + own + 0u < 3570u);
    scores[(ownRow + 0u) * 17u + own + 8u] = select(0.0f, exp(score0_1 - most0), firstKey + own + 8u < 3570u);
    let shrink1 = exp(before1 - most1);
    total1 *= shrink1;
    sum1_0 *= shrink1;
    sum1_1 *= shrink1;
    scores[(ownRow + 1u) * 17u + own + 0u] = select(0.0f, exp(score1_0 - most1), firstKey + own + 0u < 3570u);
    scores[(ownRow + 1u) * 17u + own + 8u] = select(0.0f, exp(score1_1 - most1), firstKey + own + 8u < 3570u);
    let shrink2 = exp(before2 - most2);
    total2 *= shrink2;
    sum2_0 *= shrink2;
    sum2_1 *= shrink2;
    scores[(ownRow + 2u) * 17u + own + 0u] = select(0.0f, exp(score2_0 - most2), firstKey + own + 0u < 3570u);
    scores[(ownRow + 2u) * 17u + own + 8u] = select(0.0f, exp(score2_1 - most2), firstKey + own + 8u < 3570u);
    let shrink3 = exp(before3 - most3);
    total3 *= shrink3;
    sum3_0 *= shrink3;
    sum3_1 *= shrink3;
    scores[(ownRow + 3u) * 17u + own + 0u] = select(0.0f, exp(score3_0 - most3), firstKey + own + 0u < 3570u);
    scores[(ownRow + 3u) * 17u + own + 8u] = select(0.0f, exp(score3_1 - most3), firstKey + own + 8u < 3570u);
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let v0 = others[j * 17u + own + 0u];
      let v1 = others[j * 17u + own + 8u];
      let p0 = scores[(ownRow + 0u) * 17u + j];
      total0 += p0;
      sum0_0 += p0 * v0;
      sum0_1 += p0 * v1;
      let p1 = scores[(ownRow + 1u) * 17u + j];
      total1 += p1;
      sum1_0 += p1 * v0;
      sum1_1 += p1 * v1;
      let p2 = scores[(ownRow + 2u) * 17u + j];
      total2 += p2;
      sum2_0 += p2 * v0;
      sum2_1 += p2 * v1;
      let p3 = scores[(ownRow + 3u) * 17u + j];
      total3 += p3;
      sum3_0 += p3 * v0;
      sum3_1 += p3 * v1;
    }
  }
  put(batch, head, firstRow + ownRow + 0u, own + 0u, sum0_0 / total0);
  put(batch, head, firstRow + ownRow + 0u, own + 8u, sum0_1 / total0);
  put(batch, head, firstRow + ownRow + 1u, own + 0u, sum1_0 / total1);
  put(batch, head, firstRow + ownRow + 1u, own + 8u, sum1_1 / total1);
  put(batch, head, firstRow + ownRow + 2u, own + 0u, sum2_0 / total2);
  put(batch, head, firstRow + ownRow + 2u, own + 8u, sum2_1 / total2);
  put(batch, head, firstRow + ownRow + 3u, own + 0u, sum3_0 / total3);
  put(batch, head, firstRow + ownRow + 3u, own + 8u, sum3_1 / total3);
}
fn masked(score: f32, batch: u32, head: u32, row: u32, key: u32) -> f32 {
  if (key >= 3570u || row >= 3570u) { return -3.4028234663852886e+38f; }
  return score + load3(key * 1u);
}
fn put(batch: u32, head: u32, row: u32, quad: u32, value: vec4<f32>) {
  if (row >= 3570u || quad >= 16u) { return; }
  let first = (batch * 3570u + row) * 2048u + head * 64u + quad * 4u;
  for (var j = 0u; j < 4u; j++) { store(first + j, value[j]); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 3584u) { work(group, lane); }
}
