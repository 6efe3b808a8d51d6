// layer-norm: a workgroup a row, 3570 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> f32 {
  let t0 = raw0(i);
  return t0;
}
fn load0x4(i: u32) -> vec4<f32> { return in0_0[i / 4u]; }
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
  var sum = 0.0f;
  for (var i = lane; i < 2048u; i += 256u) { sum += load0(first + i); }
  let mean = total(lane, sum) / 2048.0f;
  var squares = 0.0f;
  for (var i = lane; i < 2048u; i += 256u) { let value = load0(first + i) - mean; squares += value * value; }
  let factor = inverseSqrt(total(lane, squares) / 2048.0f + 9.999999974752427e-7f);
  for (var i = lane; i < 2048u; i += 256u) { store(first + i, (load0(first + i) - mean) * factor); }
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 3570u) { work(group, lane); }
}
