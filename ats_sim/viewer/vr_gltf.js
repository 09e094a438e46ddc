"use strict";
// Reads the glTF files of a home: one mesh of triangles, coloured by a picture or at its corners, perhaps with a skin.
// glTF is y up, the world here is z up as in the simulator: this is the one place that turns points and directions.

const MAGIC = 0x46546C67, JSON_CHUNK = 0x4E4F534A, BIN_CHUNK = 0x004E4942;
const ARRAYS = { 5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const WIDTHS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };
const PLAIN_GREY = 200;

class Glb {
  constructor(name, buffer) {
    this.name = name;
    const view = new DataView(buffer);
    this.must(buffer.byteLength >= 28 && view.getUint32(0, true) === MAGIC && view.getUint32(4, true) === 2, "no GLB file");
    const length = view.getUint32(12, true);
    this.must(view.getUint32(8, true) === buffer.byteLength && 28 + length <= buffer.byteLength, "cut off");
    this.must(view.getUint32(16, true) === JSON_CHUNK && view.getUint32(24 + length, true) === BIN_CHUNK, "no plain GLB file");
    this.must(28 + length + view.getUint32(20 + length, true) <= buffer.byteLength, "cut off");
    this.document = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
    this.blob = buffer.slice(28 + length);
  }

  must(isSo, problem) { if (!isSo) throw new Error(`${this.name}: ${problem}`); }

  bytes(index) {
    const view = this.document.bufferViews[index], start = view.byteOffset || 0;
    const isInside = start >= 0 && view.byteLength >= 0 && start + view.byteLength <= this.blob.byteLength;
    this.must(isInside, `bufferViews[${index}] reaches beyond the file`);
    return this.blob.slice(start, start + view.byteLength);
  }

  array(index, type) {
    const accessor = this.document.accessors[index], Kind = ARRAYS[accessor.componentType];
    this.must(Kind && accessor.type === type, `accessors[${index}] is not of a kind that homes hold`);
    const bytes = this.bytes(accessor.bufferView), start = accessor.byteOffset || 0, count = accessor.count * WIDTHS[type];
    this.must(start + count * Kind.BYTES_PER_ELEMENT <= bytes.byteLength, `accessors[${index}] reaches beyond the file`);
    return new Kind(bytes, start, count);
  }
}

// {positions, normals, uv, colors, joints, weights, indices, picture, boneCount}: flat arrays, those that the file
// lacks are null; colours are sRGB bytes, the picture is a Blob.
function readMesh(name, buffer) {
  try {
    const glb = new Glb(name, buffer);
    const { attributes, indices } = glb.document.meshes[0].primitives[0];
    const array = (name, type) => name in attributes ? glb.array(attributes[name], type) : null;
    const positions = turned(array("POSITION", "VEC3")), count = positions.length / 3;
    const mesh = { positions, normals: turned(array("NORMAL", "VEC3")), uv: array("TEXCOORD_0", "VEC2"),
      colors: srgb(array("COLOR_0", "VEC4"), count), joints: array("JOINTS_0", "VEC4"), weights: array("WEIGHTS_0", "VEC4"),
      indices: Uint32Array.from(glb.array(indices, "SCALAR")), boneCount: glb.document.skins ? glb.document.skins[0].joints.length : 0,
      picture: null };
    glb.must(mesh.indices.every(index => index < count), "a triangle has a corner that is not there");
    const image = mesh.uv && glb.document.images && glb.document.images[0];
    if (image) mesh.picture = new Blob([glb.bytes(image.bufferView)], { type: image.mimeType });
    return mesh;
  } catch (error) {
    throw error.message.startsWith(`${name}: `) ? error : new Error(`${name}: not a file of the kind that homes hold (${error.message})`);
  }
}

function turned(points) {
  if (points) for (let i = 0; i < points.length; i += 3) [points[i + 1], points[i + 2]] = [-points[i + 2], points[i + 1]];
  return points;
}

// Corner colours lie in the file as linear light of 16 bits with an opacity; pictures are mixed in sRGB here and there.
function srgb(linear, count) {
  const bytes = new Uint8Array(3 * count).fill(PLAIN_GREY);
  if (linear) for (let i = 0; i < bytes.length; i += 1) {
    const light = linear[4 * Math.floor(i / 3) + i % 3] / 65535;
    bytes[i] = Math.round(255 * (light <= .0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - .055));
  }
  return bytes;
}
