// matmul: a lane an element, 8 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
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
fn store(i: u32, value: f32) {
  let t0 = 0.001953125f * value;
  let t1 = t0 + t0;
  write(i, t1);
}
fn elementLeft(sheet: u32, row: u32, k: u32) -> f32 {
  if (!(k < 32u && row < 64u)) { return 0.0f; }
  
  return load0(row * 32u + k);
}
fn elementRight(sheet: u32, column: u32, k: u32) -> f32 {
  if (!(k < 32u && column < 8u)) { return 0.0f; }
  
  return load1(k * 8u + column);
}
fn work(group: u32, lane: u32) {
  let at = group * 64u + lane;
  if (at >= 512u) { return; }
  let column = at % 8u;
  let row = at / 8u % 64u;
  let sheet = at / 512u;
  var sum = 0.0f;
  for (var k = 0u; k < 32u; k += 1u) { sum += elementLeft(sheet, row, k) * elementRight(sheet, column, k); }
  store(at, sum);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 8u) { work(group, lane); }
}

// matmul: a lane an element, 4 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
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
fn store(i: u32, value: f32) {
  write(i, value);
}
fn elementLeft(sheet: u32, row: u32, k: u32) -> f32 {
  if (!(k < 64u && row < 32u)) { return 0.0f; }
  
  return load0(k * 32u + row);
}
fn elementRight(sheet: u32, column: u32, k: u32) -> f32 {
  if (!(k < 64u && column < 8u)) { return 0.0f; }
  
  return load1(k * 8u + column);
}
fn work(group: u32, lane: u32) {
  let at = group * 64u + lane;
  if (at >= 256u) { return; }
  let column = at % 8u;
  let row = at / 8u % 32u;
  let sheet = at / 256u;
  var sum = 0.0f;
  for (var k = 0u; k < 64u; k += 1u) { sum += elementLeft(sheet, row, k) * elementRight(sheet, column, k); }
  store(at, sum);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 4u) { work(group, lane); }
}

// sum: a workgroup a result, 1 groups
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
  let t0 = sqrt(value);
  let t1 = t0 + 9.999999960041972e-13f;
  let t2 = 1.0f / t1;
  write(i, t2);
}
fn firstOf(at: u32) -> u32 {  return 0u; }
fn offsetOf(r: u32) -> u32 { let t0 = r % 8u;
  let t1 = r / 8u;
  let t2 = t1 * 8u + t0; return t2; }
var<workgroup> partial: array<f32, 64>;
fn work(group: u32, lane: u32) {
  let at = group % 1u;
  let part = group / 1u;
  let first = firstOf(at);
  let last = min(256u, (part + 1u) * 256u);
  var sum = f32(0);
  for (var r = part * 256u + lane; r < last; r += 64u) { sum = sum + load0(first + offsetOf(r)); }
  partial[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
  }
  if (lane == 0u) { store(group, partial[0]); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 1u) { work(group, lane); }
}

// mul: map, 4 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = raw1(0u);
  let t2 = min(t1, 1.0f);
  let t3 = t0 * t2;
  write(i, t3);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 256u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 4u) { work(group, lane); }
}

// add: map, 4 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = raw1(i);
  let t2 = t1 - t0;
  let t3 = t2 * 0.10000000149011612f;
  let t4 = t0 + t3;
  write(i, t4);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 256u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 4u) { work(group, lane); }
}

// add: map, 4 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = raw1(i);
  let t2 = t1 * t1;
  let t3 = t2 - t0;
  let t4 = t3 * 0.009999999776482582f;
  let t5 = t0 + t4;
  write(i, t5);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 256u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 4u) { work(group, lane); }
}

// sub: map, 4 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in3_0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> in4_0: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn raw2(i: u32) -> f32 {  return in2_0[i / 4u][i % 4u];  }
fn raw3(i: u32) -> f32 {  return in3_0[i / 4u][i % 4u];  }
fn raw4(i: u32) -> f32 {  return in4_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = raw1(i);
  let t2 = raw2(i);
  let t3 = sqrt(t2);
  let t4 = raw3(0u);
  let t5 = t3 + t4;
  let t6 = t1 / t5;
  let t7 = raw4(0u);
  let t8 = t6 * t7;
  let t9 = t0 - t8;
  write(i, t9);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 256u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 4u) { work(group, lane); }
}

// add: map, 4 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn raw2(i: u32) -> f32 {  return in2_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = raw1(i);
  let t2 = t1 - t0;
  let t3 = raw2(0u);
  let t4 = t2 * t3;
  let t5 = t0 + t4;
  write(i, t5);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 256u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 4u) { work(group, lane); }
}
