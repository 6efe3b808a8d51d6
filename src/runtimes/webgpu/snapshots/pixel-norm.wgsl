// sum: a lane a result, 287 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> f32 {
  let t0 = raw0(i);
  let t1 = t0 * t0;
  return t1;
}
fn load0x4(i: u32) -> vec4<f32> { return vec4(load0(i + 0u), load0(i + 1u), load0(i + 2u), load0(i + 3u)); }
fn store(i: u32, value: f32) {
  let t0 = value * 0.0078125f;
  let t1 = t0 + 9.99999993922529e-9f;
  let t2 = inverseSqrt(t1);
  write(i, t2);
}
fn firstOf(at: u32) -> u32 { let t0 = at % 60u;
  let t1 = at / 60u;
  let t2 = t1 % 34u;
  let t3 = at / 2040u;
  let t4 = t3 * 2040u + t2 * 60u + t0; return t4; }
fn offsetOf(r: u32) -> u32 { let t0 = r * 18360u; return t0; }
fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 18360u) { let at = i % 18360u;
  let part = i / 18360u;
  let first = firstOf(at);
  let last = min(128u, (part + 1u) * 128u);
  var sum = f32(0);
  for (var r = part * 128u; r < last; r++) { sum = sum + load0(first + offsetOf(r)); }
  store(i, sum); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 287u) { work(group, lane); }
}

// mul: map, 36720 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = i % 60u;
  let t2 = i / 60u;
  let t3 = t2 % 34u;
  let t4 = i / 2040u;
  let t5 = t4 % 9u;
  let t6 = i / 18360u;
  let t7 = t5 * 2040u + t3 * 60u + t1;
  let t8 = raw1(t7);
  let t9 = t0 * t8;
  write(i, t9);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 2350080u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 36720u) { work(group, lane); }
}
