// attention-forward: streaming, 32 queries by 16 keys, 3584 groups
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
  if (own == 0u) { putLogSum(batch, head, firstRow + ownRow + 0u, most0, total0); }
  if (own == 0u) { putLogSum(batch, head, firstRow + ownRow + 1u, most1, total1); }
  if (own == 0u) { putLogSum(batch, head, firstRow + ownRow + 2u, most2, total2); }
  if (own == 0u) { putLogSum(batch, head, firstRow + ownRow + 3u, most3, total3); }
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
fn putLogSum(batch: u32, head: u32, row: u32, most: f32, total: f32) {
  if (row >= 3570u) { return; }
  let at = 7311360u + (batch * 3570u + row) * 32u + head;
  store(at, floor(most));
  store(at + 114240u, most - floor(most) + log(total));
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 3584u) { work(group, lane); }
}

// sum: a lane a result, 1785 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> f32 {
  let t0 = raw0(i);
  let t1 = raw1(i);
  let t2 = t0 * t1;
  return t2;
}
fn load0x4(i: u32) -> vec4<f32> { return vec4(load0(i + 0u), load0(i + 1u), load0(i + 2u), load0(i + 3u)); }
fn store(i: u32, value: f32) {
  write(i, value);
}
fn firstOf(at: u32) -> u32 { let t0 = at % 32u;
  let t1 = at / 32u;
  let t2 = t1 * 2048u + t0 * 64u; return t2; }
fn offsetOf(r: u32) -> u32 {  return r; }
fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 114240u) { let at = i % 114240u;
  let part = i / 114240u;
  let first = firstOf(at);
  let last = min(64u, (part + 1u) * 64u);
  var sum = f32(0);
  for (var r = part * 64u; r < last; r++) { sum = sum + load0(first + offsetOf(r)); }
  store(i, sum); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 1785u) { work(group, lane); }
}

// attention-backward-key-value: streaming, 16 keys by 16, 7168 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in3_0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> in4_0: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> in5_0: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> in6_0: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out_0: array<f32>;
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
fn raw4(i: u32) -> f32 {  return in4_0[i / 4u][i % 4u];  }
fn load4(i: u32) -> f32 {
  let t0 = 7311360u + i;
  let t1 = raw4(t0);
  return t1;
}
fn load4x4(i: u32) -> vec4<f32> { return in4_0[(i / 4u + 1827840u)]; }
fn raw5(i: u32) -> f32 {  return in5_0[i / 4u][i % 4u];  }
fn load5(i: u32) -> f32 {
  let t0 = raw5(i);
  return t0;
}
fn load5x4(i: u32) -> vec4<f32> { return in5_0[i / 4u]; }
fn raw6(i: u32) -> f32 {  return in6_0[i / 4u][i % 4u];  }
fn load6(i: u32) -> f32 {
  let t0 = raw6(i);
  return t0;
}
fn load6x4(i: u32) -> vec4<f32> { return in6_0[i / 4u]; }
fn store(i: u32, value: f32) {
  write(i, value);
}

var<workgroup> firsts: array<vec4<f32>, 272>; // k
var<workgroup> seconds: array<vec4<f32>, 272>; // v
var<workgroup> others: array<vec4<f32>, 272>;
var<workgroup> factors: array<f32, 272>;
fn work(group: u32, lane: u32) {
  let firstOwn = group % 224u * 16u;
  let head = group / 224u % 32u;
  let batch = group / 7168u;
  let ownRow = lane / 8u * 2u;
  let own = lane % 8u;
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOwn + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load1x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    firsts[e / 16u * 17u + e % 16u] = value;
  }
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOwn + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load2x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    seconds[e / 16u * 17u + e % 16u] = value;
  }

  var first0_0 = vec4<f32>();
  var first0_1 = vec4<f32>();
  var first1_0 = vec4<f32>();
  var first1_1 = vec4<f32>();
  var second0_0 = vec4<f32>();
  var second0_1 = vec4<f32>();
  var second1_0 = vec4<f32>();
  var second1_1 = vec4<f32>();
  for (var firstOther = 0u; firstOther < 3570u; firstOther += 16u) {
  let ofRow0 = ofRow(batch, head, firstOther + own + 0u);
  let ofRow1 = ofRow(batch, head, firstOther + own + 8u);
    workgroupBarrier();
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOther + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load3x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    others[e / 16u * 17u + e % 16u] = value;
  }
    workgroupBarrier();
    var slope0_0 = 0.0f;
    var slope0_1 = 0.0f;
    var slope1_0 = 0.0f;
    var slope1_1 = 0.0f;
    for (var c = 0u; c < 16u; c++) {
      let a0 = seconds[(ownRow + 0u) * 17u + c];
      let a1 = seconds[(ownRow + 1u) * 17u + c];
      let b0 = others[(own + 0u) * 17u + c];
      let b1 = others[(own + 8u) * 17u + c];
      slope0_0 += dot(a0, b0);
      slope0_1 += dot(a0, b1);
      slope1_0 += dot(a1, b0);
      slope1_1 += dot(a1, b1);
    }
    workgroupBarrier();
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOther + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load0x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    others[e / 16u * 17u + e % 16u] = value * 0.125f;
  }
    workgroupBarrier();
    var logit0_0 = 0.0f;
    var logit0_1 = 0.0f;
    var logit1_0 = 0.0f;
    var logit1_1 = 0.0f;
    for (var c = 0u; c < 16u; c++) {
      let a0 = firsts[(ownRow + 0u) * 17u + c];
      let a1 = firsts[(ownRow + 1u) * 17u + c];
      let b0 = others[(own + 0u) * 17u + c];
      let b1 = others[(own + 8u) * 17u + c];
      logit0_0 += dot(a0, b0);
      logit0_1 += dot(a0, b1);
      logit1_0 += dot(a1, b0);
      logit1_1 += dot(a1, b1);
    }
    let weight0_0 = weight(logit0_0, ofRow0, batch, head, firstOther + own + 0u, firstOwn + ownRow + 0u);
    slope0_0 = weight0_0 * (slope0_0 - ofRow0.z);
    let weight0_1 = weight(logit0_1, ofRow1, batch, head, firstOther + own + 8u, firstOwn + ownRow + 0u);
    slope0_1 = weight0_1 * (slope0_1 - ofRow1.z);
    let weight1_0 = weight(logit1_0, ofRow0, batch, head, firstOther + own + 0u, firstOwn + ownRow + 1u);
    slope1_0 = weight1_0 * (slope1_0 - ofRow0.z);
    let weight1_1 = weight(logit1_1, ofRow1, batch, head, firstOther + own + 8u, firstOwn + ownRow + 1u);
    slope1_1 = weight1_1 * (slope1_1 - ofRow1.z);
    factors[(ownRow + 0u) * 17u + own + 0u] = slope0_0;
    factors[(ownRow + 0u) * 17u + own + 8u] = slope0_1;
    factors[(ownRow + 1u) * 17u + own + 0u] = slope1_0;
    factors[(ownRow + 1u) * 17u + own + 8u] = slope1_1;
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let b0 = others[j * 17u + own + 0u];
      let b1 = others[j * 17u + own + 8u];
      let f0 = factors[(ownRow + 0u) * 17u + j];
      first0_0 += f0 * b0;
      first0_1 += f0 * b1;
      let f1 = factors[(ownRow + 1u) * 17u + j];
      first1_0 += f1 * b0;
      first1_1 += f1 * b1;
    }
    workgroupBarrier();
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOther + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load3x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    others[e / 16u * 17u + e % 16u] = value;
  }
    workgroupBarrier();
    factors[(ownRow + 0u) * 17u + own + 0u] = weight0_0;
    factors[(ownRow + 0u) * 17u + own + 8u] = weight0_1;
    factors[(ownRow + 1u) * 17u + own + 0u] = weight1_0;
    factors[(ownRow + 1u) * 17u + own + 8u] = weight1_1;
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let b0 = others[j * 17u + own + 0u];
      let b1 = others[j * 17u + own + 8u];
      let f0 = factors[(ownRow + 0u) * 17u + j];
      second0_0 += f0 * b0;
      second0_1 += f0 * b1;
      let f1 = factors[(ownRow + 1u) * 17u + j];
      second1_0 += f1 * b0;
      second1_1 += f1 * b1;
    }
  }
  put(0u, batch, head, firstOwn + ownRow + 0u, own + 0u, first0_0);
  put(0u, batch, head, firstOwn + ownRow + 0u, own + 8u, first0_1);
  put(0u, batch, head, firstOwn + ownRow + 1u, own + 0u, first1_0);
  put(0u, batch, head, firstOwn + ownRow + 1u, own + 8u, first1_1);
  put(1u, batch, head, firstOwn + ownRow + 0u, own + 0u, second0_0);
  put(1u, batch, head, firstOwn + ownRow + 0u, own + 8u, second0_1);
  put(1u, batch, head, firstOwn + ownRow + 1u, own + 0u, second1_0);
  put(1u, batch, head, firstOwn + ownRow + 1u, own + 8u, second1_1);
}
fn ofRow(batch: u32, head: u32, row: u32) -> vec3<f32> { // both parts of its log-sum, delta
  let at = (batch * 3570u + min(row, 3569u)) * 32u + head;
  return vec3(load4(at), load4(at + 114240u), load5(at));
}
fn weight(logit: f32, ofRow: vec3<f32>, batch: u32, head: u32, row: u32, key: u32) -> f32 {
  if (key >= 3570u || row >= 3570u) { return 0.0f; }
  return exp(logit + load6(key * 1u) - ofRow.x - ofRow.y);
}
fn put(part: u32, batch: u32, head: u32, token: u32, quad: u32, value: vec4<f32>) {
  if (token >= 3570u || quad >= 16u) { return; }
  let first = ((part * 1u + batch) * 3570u + token) * 2048u + head * 64u + quad * 4u;
  for (var j = 0u; j < 4u; j++) { store(first + j, value[j]); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 7168u) { work(group, lane); }
}

// reshape: map, 114240 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = i % 2048u;
  let t1 = i / 2048u;
  let t2 = t1 * 2048u + t0;
  let t3 = raw0(t2);
  write(i, t3);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 7311360u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 114240u) { work(group, lane); }
}

// reshape: map, 114240 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = i % 2048u;
  let t1 = i / 2048u;
  let t2 = 1u * 7311360u + t1 * 2048u + t0;
  let t3 = raw0(t2);
  write(i, t3);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 7311360u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 114240u) { work(group, lane); }
}

// attention-backward-query: streaming, 16 queries by 16, 7168 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in3_0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> in4_0: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> in5_0: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> in6_0: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out_0: array<f32>;
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
fn raw4(i: u32) -> f32 {  return in4_0[i / 4u][i % 4u];  }
fn load4(i: u32) -> f32 {
  let t0 = 7311360u + i;
  let t1 = raw4(t0);
  return t1;
}
fn load4x4(i: u32) -> vec4<f32> { return in4_0[(i / 4u + 1827840u)]; }
fn raw5(i: u32) -> f32 {  return in5_0[i / 4u][i % 4u];  }
fn load5(i: u32) -> f32 {
  let t0 = raw5(i);
  return t0;
}
fn load5x4(i: u32) -> vec4<f32> { return in5_0[i / 4u]; }
fn raw6(i: u32) -> f32 {  return in6_0[i / 4u][i % 4u];  }
fn load6(i: u32) -> f32 {
  let t0 = raw6(i);
  return t0;
}
fn load6x4(i: u32) -> vec4<f32> { return in6_0[i / 4u]; }
fn store(i: u32, value: f32) {
  write(i, value);
}

var<workgroup> firsts: array<vec4<f32>, 272>; // q
var<workgroup> seconds: array<vec4<f32>, 272>; // g
var<workgroup> others: array<vec4<f32>, 272>;
var<workgroup> factors: array<f32, 272>;
fn work(group: u32, lane: u32) {
  let firstOwn = group % 224u * 16u;
  let head = group / 224u % 32u;
  let batch = group / 7168u;
  let ownRow = lane / 8u * 2u;
  let own = lane % 8u;
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOwn + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load0x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    firsts[e / 16u * 17u + e % 16u] = value * 0.125f;
  }
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOwn + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load3x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    seconds[e / 16u * 17u + e % 16u] = value;
  }
  let ofRow0 = ofRow(batch, head, firstOwn + ownRow + 0u);
  let ofRow1 = ofRow(batch, head, firstOwn + ownRow + 1u);
  var first0_0 = vec4<f32>();
  var first0_1 = vec4<f32>();
  var first1_0 = vec4<f32>();
  var first1_1 = vec4<f32>();
  for (var firstOther = 0u; firstOther < 3570u; firstOther += 16u) {

    workgroupBarrier();
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOther + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load2x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    others[e / 16u * 17u + e % 16u] = value;
  }
    workgroupBarrier();
    var slope0_0 = 0.0f;
    var slope0_1 = 0.0f;
    var slope1_0 = 0.0f;
    var slope1_1 = 0.0f;
    for (var c = 0u; c < 16u; c++) {
      let a0 = seconds[(ownRow + 0u) * 17u + c];
      let a1 = seconds[(ownRow + 1u) * 17u + c];
      let b0 = others[(own + 0u) * 17u + c];
      let b1 = others[(own + 8u) * 17u + c];
      slope0_0 += dot(a0, b0);
      slope0_1 += dot(a0, b1);
      slope1_0 += dot(a1, b0);
      slope1_1 += dot(a1, b1);
    }
    workgroupBarrier();
  for (var e = lane; e < 256u; e += 64u) {
    let token = firstOther + e / 16u;
    var value = vec4<f32>();
    if (token < 3570u) { value = load1x4((batch * 3570u + token) * 2048u + head * 64u + e % 16u * 4u); }
    others[e / 16u * 17u + e % 16u] = value;
  }
    workgroupBarrier();
    var logit0_0 = 0.0f;
    var logit0_1 = 0.0f;
    var logit1_0 = 0.0f;
    var logit1_1 = 0.0f;
    for (var c = 0u; c < 16u; c++) {
      let a0 = firsts[(ownRow + 0u) * 17u + c];
      let a1 = firsts[(ownRow + 1u) * 17u + c];
      let b0 = others[(own + 0u) * 17u + c];
      let b1 = others[(own + 8u) * 17u + c];
      logit0_0 += dot(a0, b0);
      logit0_1 += dot(a0, b1);
      logit1_0 += dot(a1, b0);
      logit1_1 += dot(a1, b1);
    }
    let weight0_0 = weight(logit0_0, ofRow0, batch, head, firstOwn + ownRow + 0u, firstOther + own + 0u);
    slope0_0 = weight0_0 * (slope0_0 - ofRow0.z);
    let weight0_1 = weight(logit0_1, ofRow0, batch, head, firstOwn + ownRow + 0u, firstOther + own + 8u);
    slope0_1 = weight0_1 * (slope0_1 - ofRow0.z);
    let weight1_0 = weight(logit1_0, ofRow1, batch, head, firstOwn + ownRow + 1u, firstOther + own + 0u);
    slope1_0 = weight1_0 * (slope1_0 - ofRow1.z);
    let weight1_1 = weight(logit1_1, ofRow1, batch, head, firstOwn + ownRow + 1u, firstOther + own + 8u);
    slope1_1 = weight1_1 * (slope1_1 - ofRow1.z);
    factors[(ownRow + 0u) * 17u + own + 0u] = slope0_0;
    factors[(ownRow + 0u) * 17u + own + 8u] = slope0_1;
    factors[(ownRow + 1u) * 17u + own + 0u] = slope1_0;
    factors[(ownRow + 1u) * 17u + own + 8u] = slope1_1;
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let b0 = others[j * 17u + own + 0u];
      let b1 = others[j * 17u + own + 8u];
      let f0 = factors[(ownRow + 0u) * 17u + j];
      first0_0 += f0 * b0;
      first0_1 += f0 * b1;
      let f1 = factors[(ownRow + 1u) * 17u + j];
      first1_0 += f1 * b0;
      first1_1 += f1 * b1;
    }

  }
  put(0u, batch, head, firstOwn + ownRow + 0u, own + 0u, first0_0 * 0.125f);
  put(0u, batch, head, firstOwn + ownRow + 0u, own + 8u, first0_1 * 0.125f);
  put(0u, batch, head, firstOwn + ownRow + 1u, own + 0u, first1_0 * 0.125f);
  put(0u, batch, head, firstOwn + ownRow + 1u, own + 8u, first1_1 * 0.125f);
}
fn ofRow(batch: u32, head: u32, row: u32) -> vec3<f32> { // both parts of its log-sum, delta
  let at = (batch * 3570u + min(row, 3569u)) * 32u + head;
  return vec3(load4(at), load4(at + 114240u), load5(at));
}
fn weight(logit: f32, ofRow: vec3<f32>, batch: u32, head: u32, row: u32, key: u32) -> f32 {
  if (key >= 3570u || row >= 3570u) { return 0.0f; }
  return exp(logit + load6(key * 1u) - ofRow.x - ofRow.y);
}
fn put(part: u32, batch: u32, head: u32, token: u32, quad: u32, value: vec4<f32>) {
  if (token >= 3570u || quad >= 16u) { return; }
  let first = ((part * 1u + batch) * 3570u + token) * 2048u + head * 64u + quad * 4u;
  for (var j = 0u; j < 4u; j++) { store(first + j, value[j]); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 7168u) { work(group, lane); }
}
