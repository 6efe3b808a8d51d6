// rms-norm-rope: a workgroup a row, 57120 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in3_0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out_0: array<f32>;
fn hyperbolicTangent(x: f32) -> f32 {
  let q = x * x;
  let small = x * (1.0f + q * (-0.33333334f + q * 0.13333334f));
  let t = exp(-2.0f * abs(x));
  return select(sign(x) * (1.0f - t) / (1.0f + t), small, abs(x) < 0.05f);
}
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
  let t0 = hyperbolicTangent(value);
  write(i, t0);
}

var<workgroup> partial: array<f32, 64>;

fn total(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  partial[lane] = value;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
  }
  workgroupBarrier();
  return partial[0];
}

fn most(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  partial[lane] = value;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
  }
  workgroupBarrier();
  return partial[0];
}
fn work(group: u32, lane: u32) {
  let first = group * 128u;
  let angles = group / 16u % 3570u * 64u;
  var squares = 0.0f;
  var pair0 = vec2(0.0f);
  { let i = lane + 0u; let at = first + 2u * i; if (i < 64u) { pair0 = vec2(load0(at), load0(at + 1u)); squares += dot(pair0, pair0); } }
  let factor = inverseSqrt(total(lane, squares) / 128.0f + 9.999999974752427e-7f);
  { let i = lane + 0u; let at = first + 2u * i; if (i < 64u) {
    let normed = pair0 * factor * vec2(load1(2u * i), load1(2u * i + 1u));
    let turn = vec2(load2(angles + i % 64u), load3(angles + i % 64u));
    store(at, dot(normed, vec2(turn.x, -turn.y)));
    store(at + 1u, dot(normed, turn.yx));
  } }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 57120u) { work(group, lane); }
}
