// concat: map, 114240 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn raw2(i: u32) -> f32 {  return in2_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = i % 2u;
  let t1 = i / 2u;
  let t2 = t1 % 1024u;
  let t3 = i / 2048u;
  var t4: f32;
  if (t0 < 1u) { let t5 = t2 * 2u; let t6 = t3 * 2048u + t5; let t7 = raw0(t6); let t8 = t3 * 1024u + t2; let t9 = raw1(t8); let t10 = t7 * t9; let t11 = t2 * 2u + 1u; let t12 = t3 * 2048u + t11; let t13 = raw0(t12); let t14 = raw2(t8); let t15 = t13 * t14; let t16 = t10 - t15; t4 = t16; } else { let t17 = t0 - 1u; let t18 = t2 * 2u + 1u; let t19 = t3 * 2048u + t18; let t20 = raw0(t19); let t21 = t3 * 1024u + t2; let t22 = raw1(t21); let t23 = t20 * t22; let t24 = t2 * 2u; let t25 = t3 * 2048u + t24; let t26 = raw0(t25); let t27 = raw2(t21); let t28 = t26 * t27; let t29 = t23 + t28; t4 = t29; }
  write(i, t4);
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
