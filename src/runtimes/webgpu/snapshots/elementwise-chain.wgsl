// add: map, 114240 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = t0 * t0;
  let t2 = t1 * 0.07135481387376785f;
  let t3 = t2 + 1.5957691669464111f;
  let t4 = t0 * t3;
  let t5 = 1.0f / (1.0f + exp(-(t4)));
  let t6 = t0 * t5;
  let t7 = i % 2048u;
  let t8 = i / 2048u;
  let t9 = raw1(t7);
  let t10 = t6 * t9;
  let t11 = t10 + t0;
  write(i, t11);
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
