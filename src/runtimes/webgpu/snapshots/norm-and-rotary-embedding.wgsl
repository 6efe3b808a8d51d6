// rms-norm-rope: a workgroup a row, 3570 groups
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

var<workgroup> partial: array<f32, 256>;

fn total(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  partial[lane] = value;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
  }
  workgroupBarrier();
  return partial[0];
}

fn most(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  partial[lane] = value;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
  }
  workgroupBarrier();
  return partial[0];
}
fn work(group: u32, lane: u32) {
  let first = group * 2048u;
  let angles = group / 1u % 3570u * 1024u;
  var squares = 0.0f;
  var pair0 = vec2(0.0f);
  var pair1 = vec2(0.0f);
  var pair2 = vec2(0.0f);
  var pair3 = vec2(0.0f);
  { let i = lane + 0u; let at = first + 2u * i; if (i < 1024u) { pair0 = vec2(load0(at), load0(at + 1u)); squares += dot(pair0, pair0); } }
  { let i = lane + 256u; let at = first + 2u * i; if (i < 1024u) { pair1 = vec2(load0(at), load0(at + 1u)); squares += dot(pair1, pair1); } }
  { let i = lane + 512u; let at = first + 2u * i; if (i < 1024u) { pair2 = vec2(load0(at), load0(at + 1u)); squares += dot(pair2, pair2); } }
  { let i = lane + 768u; let at = first + 2u * i; if (i < 1024u) { pair3 = vec2(load0(at), load0(at + 1u)); squares += dot(pair3, pair3); } }
  let factor = inverseSqrt(total(lane, squares) / 2048.0f + 0.000009999999747378752f);
  { let i = lane + 0u; let at = first + 2u * i; if (i < 1024u) {
    let normed = pair0 * factor * vec2(load1(2u * i), load1(2u * i + 1u));
    let turn = vec2(load2(angles + i % 1024u), load3(angles + i % 1024u));
    store(at, dot(normed, vec2(turn.x, -turn.y)));
    store(at + 1u, dot(normed, turn.yx));
  } }
  { let i = lane + 256u; let at = first + 2u * i; if (i < 1024u) {
    let normed = pair1 * factor * vec2(load1(2u * i), load1(2u * i + 1u));
    let turn = vec2(load2(angles + i % 1024u), load3(angles + i % 1024u));
    store(at, dot(normed, vec2(turn.x, -turn.y)));
    store(at + 1u, dot(normed, turn.yx));
  } }
  { let i = lane + 512u; let at = first + 2u * i; if (i < 1024u) {
    let normed = pair2 * factor * vec2(load1(2u * i), load1(2u * i + 1u));
    let turn = vec2(load2(angles + i % 1024u), load3(angles + i % 1024u));
    store(at, dot(normed, vec2(turn.x, -turn.y)));
    store(at + 1u, dot(normed, turn.yx));
  } }
  { let i = lane + 768u; let at = first + 2u * i; if (i < 1024u) {
    let normed = pair3 * factor * vec2(load1(2u * i), load1(2u * i + 1u));
    let turn = vec2(load2(angles + i % 1024u), load3(angles + i % 1024u));
    store(at, dot(normed, vec2(turn.x, -turn.y)));
    store(at + 1u, dot(normed, turn.yx));
  } }
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 3570u) { work(group, lane); }
}
