"use strict";
// Matrices of four by four in WebGL's order, column by column, and points of three numbers.

function times(a, b) {
  const c = new Float32Array(16);
  for (let column = 0; column < 4; column += 1) for (let row = 0; row < 4; row += 1) for (let k = 0; k < 4; k += 1)
    c[4 * column + row] += a[4 * k + row] * b[4 * column + k];
  return c;
}

function rigidInverse(T) {
  const t = [T[12], T[13], T[14]], back = axis => -(T[4 * axis] * t[0] + T[4 * axis + 1] * t[1] + T[4 * axis + 2] * t[2]);
  return new Float32Array([T[0], T[4], T[8], 0, T[1], T[5], T[9], 0, T[2], T[6], T[10], 0, back(0), back(1), back(2), 1]);
}

function shifted(x, y, z) { return new Float32Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, y, z, 1]); }
function turnedLeft(yaw) { const c = Math.cos(yaw), s = Math.sin(yaw); return new Float32Array([c, s, 0, 0, -s, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]); }
function direction(T, [x, y, z]) { return [0, 1, 2].map(row => T[row] * x + T[4 + row] * y + T[8 + row] * z); }
function unit(vector) { const length = Math.hypot(...vector); return vector.map(part => part / length); }
function wrapped(angle) { return Math.atan2(Math.sin(angle), Math.cos(angle)); }

// WebXR is y up with its eyes looking along -z, the world is z up: x stays, y becomes z, -z becomes y.
const Z_UP = new Float32Array([1, 0, 0, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1]);

// Where a pose looks, radians: left of the x axis, and above the horizon. Of a head bent far down, or back, its top tells.
function looksAt(T) {
  const ahead = direction(T, [0, 0, -1]), pitch = Math.asin(Math.max(-1, Math.min(1, ahead[2])));
  const [x, y] = Math.abs(pitch) < 1.4 ? ahead : direction(T, [0, pitch < 0 ? 1 : -1, 0]);
  return { yaw: Math.atan2(y, x), pitch };
}

// Eyes at a place that look somewhere, with WebGL's axes: right, up, backwards.
function eyesAt(place, yaw, pitch) {
  const cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
  return new Float32Array([sy, -cy, 0, 0, -sp * cy, -sp * sy, cp, 0, -cp * cy, -cp * sy, -sp, 0, ...place, 1]);
}

function perspective(fov, aspect, near, far) {
  const f = 1 / Math.tan(fov / 2);
  return new Float32Array([f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0]);
}
