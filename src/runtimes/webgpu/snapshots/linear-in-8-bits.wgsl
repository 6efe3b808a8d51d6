// amax: a workgroup a result, 448 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> f32 {
  let t0 = i % 2048u;
  let t1 = i / 2048u;
  var t2: f32;
  if (t1 < 3570u) { let t3 = t1 * 2048u + t0; let t4 = raw0(t3); t2 = t4; } else { t2 = 0.0f; }
  let t5 = abs(t2);
  let t6 = max(t5, 9.99999993922529e-9f);
  return t6;
}
fn load0x4(i: u32) -> vec4<f32> { return vec4(load0(i + 0u), load0(i + 1u), load0(i + 2u), load0(i + 3u)); }
fn store(i: u32, value: f32) {
  write(i, value);
}
fn firstOf(at: u32) -> u32 { let t0 = at % 16u;
  let t1 = at / 16u;
  let t2 = t1 * 262144u + t0 * 128u; return t2; }
fn offsetOf(r: u32) -> u32 { let t0 = r % 128u;
  let t1 = r / 128u;
  let t2 = t1 * 2048u + t0; return t2; }
var<workgroup> partial: array<f32, 64>;
fn work(group: u32, lane: u32) {
  let at = group % 448u;
  let part = group / 448u;
  let first = firstOf(at);
  let last = min(16384u, (part + 1u) * 16384u);
  var sum = -3.4028234663852886e+38f;
  for (var r = part * 16384u + lane; r < last; r += 64u) { sum = max(sum, load0(first + offsetOf(r))); }
  partial[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
  }
  if (lane == 0u) { store(group, partial[0]); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 448u) { work(group, lane); }
}

// add: map, 28560 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out_0: array<i32>;
fn write(i: u32, value: i32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = i % 512u;
  let t1 = i / 512u;
  let t2 = t0 * 4u + 3u;
  let t3 = t1 * 2048u + t2;
  let t4 = raw0(t3);
  let t5 = t1 % 128u;
  let t6 = t1 / 128u;
  let t7 = t2 % 128u;
  let t8 = t2 / 128u;
  let t9 = t6 * 16u + t8;
  let t10 = raw1(t9);
  let t11 = 128.0f / t10;
  let t12 = t4 * t11;
  let t13 = t12 + 0.5f;
  let t14 = floor(t13);
  let t15 = t14 * 0.5f;
  let t16 = floor(t15);
  let t17 = t16 * 2.0f;
  let t18 = t14 - t17;
  let t19 = t13 == t14;
  let t20 = f32(t19);
  let t21 = t18 * t20;
  let t22 = t14 - t21;
  let t23 = max(t22, -128.0f);
  let t24 = min(t23, 127.0f);
  let t25 = i32(t24);
  let t26 = i32(16777216);
  let t27 = t25 * t26;
  let t28 = t0 * 4u;
  let t29 = t1 * 2048u + t28;
  let t30 = raw0(t29);
  let t31 = t28 % 128u;
  let t32 = t28 / 128u;
  let t33 = t6 * 16u + t32;
  let t34 = raw1(t33);
  let t35 = 128.0f / t34;
  let t36 = t30 * t35;
  let t37 = t36 + 0.5f;
  let t38 = floor(t37);
  let t39 = t38 * 0.5f;
  let t40 = floor(t39);
  let t41 = t40 * 2.0f;
  let t42 = t38 - t41;
  let t43 = t37 == t38;
  let t44 = f32(t43);
  let t45 = t42 * t44;
  let t46 = t38 - t45;
  let t47 = max(t46, -128.0f);
  let t48 = min(t47, 127.0f);
  let t49 = t48 * 0.0078125f;
  let t50 = floor(t49);
  let t51 = t50 * 256.0f;
  let t52 = t48 - t51;
  let t53 = t0 * 4u + 1u;
  let t54 = t1 * 2048u + t53;
  let t55 = raw0(t54);
  let t56 = t53 % 128u;
  let t57 = t53 / 128u;
  let t58 = t6 * 16u + t57;
  let t59 = raw1(t58);
  let t60 = 128.0f / t59;
  let t61 = t55 * t60;
  let t62 = t61 + 0.5f;
  let t63 = floor(t62);
  let t64 = t63 * 0.5f;
  let t65 = floor(t64);
  let t66 = t65 * 2.0f;
  let t67 = t63 - t66;
  let t68 = t62 == t63;
  let t69 = f32(t68);
  let t70 = t67 * t69;
  let t71 = t63 - t70;
  let t72 = max(t71, -128.0f);
  let t73 = min(t72, 127.0f);
  let t74 = t73 * 0.0078125f;
  let t75 = floor(t74);
  let t76 = t75 * 256.0f;
  let t77 = t73 - t76;
  let t78 = t77 * 256.0f;
  let t79 = t52 + t78;
  let t80 = t0 * 4u + 2u;
  let t81 = t1 * 2048u + t80;
  let t82 = raw0(t81);
  let t83 = t80 % 128u;
  let t84 = t80 / 128u;
  let t85 = t6 * 16u + t84;
  let t86 = raw1(t85);
  let t87 = 128.0f / t86;
  let t88 = t82 * t87;
  let t89 = t88 + 0.5f;
  let t90 = floor(t89);
  let t91 = t90 * 0.5f;
  let t92 = floor(t91);
  let t93 = t92 * 2.0f;
  let t94 = t90 - t93;
  let t95 = t89 == t90;
  let t96 = f32(t95);
  let t97 = t94 * t96;
  let t98 = t90 - t97;
  let t99 = max(t98, -128.0f);
  let t100 = min(t99, 127.0f);
  let t101 = t100 * 0.0078125f;
  let t102 = floor(t101);
  let t103 = t102 * 256.0f;
  let t104 = t100 - t103;
  let t105 = t104 * 65536.0f;
  let t106 = t79 + t105;
  let t107 = i32(t106);
  let t108 = t27 + t107;
  write(i, t108);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 1827840u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 28560u) { work(group, lane); }
}

// mul: map, 7 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> f32 {  return in0_0[i / 4u][i % 4u];  }
fn store(i: u32) {
  let t0 = raw0(i);
  let t1 = t0 * 0.0078125f;
  write(i, t1);
}

fn work(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < 448u) { store(i); }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 7u) { work(group, lane); }
}

// int8-product: 8 bits, tiles of 64x64, 56 groups
@group(0) @binding(0) var<storage, read> in0_0: array<vec4<i32>>;
@group(0) @binding(1) var<storage, read> in1_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in2_0: array<vec4<i32>>;
@group(0) @binding(3) var<storage, read> in3_0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> in4_0: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out_0: array<f32>;
fn write(i: u32, value: f32) { { out_0[i] = value; } }
fn raw0(i: u32) -> i32 {  return in0_0[i / 4u][i % 4u];  }
fn load0(i: u32) -> i32 {
  let t0 = raw0(i);
  return t0;
}
fn load0x4(i: u32) -> vec4<i32> { return in0_0[i / 4u]; }
fn raw1(i: u32) -> f32 {  return in1_0[i / 4u][i % 4u];  }
fn load1(i: u32) -> f32 {
  let t0 = raw1(i);
  return t0;
}
fn load1x4(i: u32) -> vec4<f32> { return in1_0[i / 4u]; }
fn raw2(i: u32) -> i32 {  return in2_0[i / 4u][i % 4u];  }
fn load2(i: u32) -> i32 {
  let t0 = raw2(i);
  return t0;
}
fn load2x4(i: u32) -> vec4<i32> { return in2_0[i / 4u]; }
fn raw3(i: u32) -> f32 {  return in3_0[i / 4u][i % 4u];  }
fn load3(i: u32) -> f32 {
  let t0 = raw3(i);
  return t0;
}
fn load3x4(i: u32) -> vec4<f32> { return in3_0[i / 4u]; }
fn raw4(i: u32) -> f32 {  return in4_0[i / 4u][i % 4u];  }
fn store(i: u32, value: f32) {
  let t0 = i % 64u;
  let t1 = i / 64u;
  let t2 = raw4(t0);
  let t3 = value + t2;
  let t4 = t3 * t3;
  let t5 = t4 * 0.07135481387376785f;
  let t6 = t5 + 1.5957691669464111f;
  let t7 = t3 * t6;
  let t8 = 1.0f / (1.0f + exp(-(t7)));
  let t9 = t3 * t8;
  write(i, t9);
}

var<workgroup> leftTile: array<vec4<i32>, 192>;
var<workgroup> rightTile: array<vec4<i32>, 192>;
fn fourLeft(sheet: u32, row: u32, k: u32) -> vec4<i32> {
  if (!(k < 512u && row < 3570u)) { return vec4<i32>(); }
  return load0x4(row * 512u + k);
}
fn fourRight(sheet: u32, column: u32, k: u32) -> vec4<i32> {
  if (!(k < 512u && column < 64u)) { return vec4<i32>(); }
  return load2x4(column * 512u + k);
}
fn dots(a: vec4<i32>, b: vec4<i32>) -> i32 {
  let x = bitcast<vec4<u32>>(a);
  let y = bitcast<vec4<u32>>(b);
  return dot4I8Packed(x.x, y.x) + dot4I8Packed(x.y, y.y) + dot4I8Packed(x.z, y.z) + dot4I8Packed(x.w, y.w);
}
fn work(group: u32, lane: u32) {
  let firstColumn = (group % 1u) * 64u;
  let firstRow = (group / 1u) * 64u;
  let ownRow = lane / 16u * 4u;
  let ownColumn = lane % 16u;
  var total0_0 = 0.0f;
  var total0_1 = 0.0f;
  var total0_2 = 0.0f;
  var total0_3 = 0.0f;
  var total1_0 = 0.0f;
  var total1_1 = 0.0f;
  var total1_2 = 0.0f;
  var total1_3 = 0.0f;
  var total2_0 = 0.0f;
  var total2_1 = 0.0f;
  var total2_2 = 0.0f;
  var total2_3 = 0.0f;
  var total3_0 = 0.0f;
  var total3_1 = 0.0f;
  var total3_2 = 0.0f;
  var total3_3 = 0.0f;
  for (var part = 0u; part < 16u; part++) {
    var sum0_0 = 0i;
    var sum0_1 = 0i;
    var sum0_2 = 0i;
    var sum0_3 = 0i;
    var sum1_0 = 0i;
    var sum1_1 = 0i;
    var sum1_2 = 0i;
    var sum1_3 = 0i;
    var sum2_0 = 0i;
    var sum2_1 = 0i;
    var sum2_2 = 0i;
    var sum2_3 = 0i;
    var sum3_0 = 0i;
    var sum3_1 = 0i;
    var sum3_2 = 0i;
    var sum3_3 = 0i;
    for (var word = part * 32u; word < min(512u, (part + 1u) * 32u); word += 8u) {
      for (var e = lane; e < 128u; e += 256u) {
        let outer = e / 2u;
        let k = e % 2u;
        leftTile[outer * 3u + k] = fourLeft(0u, firstRow + outer, word + k * 4u);
      }
      for (var e = lane; e < 128u; e += 256u) {
        let outer = e / 2u;
        let k = e % 2u;
        rightTile[outer * 3u + k] = fourRight(0u, firstColumn + outer, word + k * 4u);
      }
      workgroupBarrier();
      for (var k = 0u; k < 2u; k++) {
        let a0 = leftTile[(ownRow + 0u) * 3u + k];
        let a1 = leftTile[(ownRow + 1u) * 3u + k];
        let a2 = leftTile[(ownRow + 2u) * 3u + k];
        let a3 = leftTile[(ownRow + 3u) * 3u + k];
        let b0 = rightTile[(ownColumn + 0u) * 3u + k];
        sum0_0 += dots(a0, b0);
        sum1_0 += dots(a1, b0);
        sum2_0 += dots(a2, b0);
        sum3_0 += dots(a3, b0);
        let b1 = rightTile[(ownColumn + 16u) * 3u + k];
        sum0_1 += dots(a0, b1);
        sum1_1 += dots(a1, b1);
        sum2_1 += dots(a2, b1);
        sum3_1 += dots(a3, b1);
        let b2 = rightTile[(ownColumn + 32u) * 3u + k];
        sum0_2 += dots(a0, b2);
        sum1_2 += dots(a1, b2);
        sum2_2 += dots(a2, b2);
        sum3_2 += dots(a3, b2);
        let b3 = rightTile[(ownColumn + 48u) * 3u + k];
        sum0_3 += dots(a0, b3);
        sum1_3 += dots(a1, b3);
        sum2_3 += dots(a2, b3);
        sum3_3 += dots(a3, b3);
      }
      workgroupBarrier();
    }
    let scale = load1(firstRow / 128u * 16u + part) * load3(firstColumn / 128u * 16u + part);
    total0_0 += f32(sum0_0) * scale;
    total0_1 += f32(sum0_1) * scale;
    total0_2 += f32(sum0_2) * scale;
    total0_3 += f32(sum0_3) * scale;
    total1_0 += f32(sum1_0) * scale;
    total1_1 += f32(sum1_1) * scale;
    total1_2 += f32(sum1_2) * scale;
    total1_3 += f32(sum1_3) * scale;
    total2_0 += f32(sum2_0) * scale;
    total2_1 += f32(sum2_1) * scale;
    total2_2 += f32(sum2_2) * scale;
    total2_3 += f32(sum2_3) * scale;
    total3_0 += f32(sum3_0) * scale;
    total3_1 += f32(sum3_1) * scale;
    total3_2 += f32(sum3_2) * scale;
    total3_3 += f32(sum3_3) * scale;
  }
  put(firstRow + ownRow + 0u, firstColumn + ownColumn + 0u, total0_0);
  put(firstRow + ownRow + 0u, firstColumn + ownColumn + 16u, total0_1);
  put(firstRow + ownRow + 0u, firstColumn + ownColumn + 32u, total0_2);
  put(firstRow + ownRow + 0u, firstColumn + ownColumn + 48u, total0_3);
  put(firstRow + ownRow + 1u, firstColumn + ownColumn + 0u, total1_0);
  put(firstRow + ownRow + 1u, firstColumn + ownColumn + 16u, total1_1);
  put(firstRow + ownRow + 1u, firstColumn + ownColumn + 32u, total1_2);
  put(firstRow + ownRow + 1u, firstColumn + ownColumn + 48u, total1_3);
  put(firstRow + ownRow + 2u, firstColumn + ownColumn + 0u, total2_0);
  put(firstRow + ownRow + 2u, firstColumn + ownColumn + 16u, total2_1);
  put(firstRow + ownRow + 2u, firstColumn + ownColumn + 32u, total2_2);
  put(firstRow + ownRow + 2u, firstColumn + ownColumn + 48u, total2_3);
  put(firstRow + ownRow + 3u, firstColumn + ownColumn + 0u, total3_0);
  put(firstRow + ownRow + 3u, firstColumn + ownColumn + 16u, total3_1);
  put(firstRow + ownRow + 3u, firstColumn + ownColumn + 32u, total3_2);
  put(firstRow + ownRow + 3u, firstColumn + ownColumn + 48u, total3_3);
}
fn put(row: u32, column: u32, value: f32) {
  if (row < 3570u && column < 64u) { store(row * 64u + column, value); }
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * count.x;
  if (group < 56u) { work(group, lane); }
}
