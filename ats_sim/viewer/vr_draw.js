"use strict";
// Draws the home with its animals as one eye sees them.

const LASER = [1, .69, .25], RING = [.49, .85, .63];

class Drawing {
  // light: ambient, strength, direction, shadow, horizon and zenith as the server's own renderer has them.
  constructor(gl, scene, agent, light) {
    this.gl = gl;
    this.scene = this.surface(scene, []);
    this.agent = this.surface(agent, ["SKINNED"]);
    this.sky = program(gl, SKY_VERTEX, SKY_FRAGMENT);
    this.mark = program(gl, MARK_VERTEX, MARK_FRAGMENT);
    this.points = gl.createBuffer();
    this.marks = [];       // {color, points} of a strip of triangles: what hands point along, where the animal was sent
    this.boneCount = agent.boneCount;
    this.skins = [];
    this.trunks = new Float32Array(4 * MOST_ANIMALS);
    this.count = 0;
    this.oval = [.45 * span(agent.positions, 0), .6 * span(agent.positions, 1)];
    this.light = light;
    this.lamp = unit(light.direction);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
  }

  surface(mesh, kinds) {
    const gl = this.gl, defines = mesh.image ? [...kinds, "TEXTURED"] : kinds, array = gl.createVertexArray();
    const { made, at, place } = program(gl, SURFACE_VERTEX, SURFACE_FRAGMENT, defines);
    gl.bindVertexArray(array);
    const attribute = (name, values, width, isWhole) => {
      if (!values || place(name) < 0) return;
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
      gl.enableVertexAttribArray(place(name));
      const kind = values instanceof Float32Array ? gl.FLOAT : values instanceof Uint16Array ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE;
      if (isWhole) gl.vertexAttribIPointer(place(name), width, kind, 0, 0);
      else gl.vertexAttribPointer(place(name), width, kind, kind === gl.UNSIGNED_BYTE, 0, 0);
    };
    attribute("position", mesh.positions, 3);
    attribute("normal", mesh.normals, 3);
    attribute("uv", mesh.uv, 2);
    attribute("color", mesh.colors, 3);
    attribute("joints", mesh.joints, 4, true);
    attribute("weights", mesh.weights, 4);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.indices, gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    return { made, at, array, count: mesh.indices.length, texture: mesh.image ? this.texture(mesh.image) : null };
  }

  texture(image) {
    const gl = this.gl, texture = gl.createTexture(), most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    if (Math.max(image.width, image.height) > most) throw new Error(`The home's picture is larger than the ${most} pixels of this graphics card.`);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    return texture;
  }

  // Bend the animals: twelve numbers for every joint of every one, three rows from rest points to the world.
  pose(bends) {
    const gl = this.gl, size = 12 * this.boneCount;
    this.count = Math.min(bends.length / size, MOST_ANIMALS);
    for (let i = 0; i < this.count; i += 1) {
      if (!this.skins[i]) {
        gl.bindBuffer(gl.UNIFORM_BUFFER, this.skins[i] = gl.createBuffer());
        gl.bufferData(gl.UNIFORM_BUFFER, 48 * MOST_JOINTS, gl.DYNAMIC_DRAW);
      }
      const rows = bends.subarray(size * i, size * (i + 1));
      gl.bindBuffer(gl.UNIFORM_BUFFER, this.skins[i]);
      gl.bufferSubData(gl.UNIFORM_BUFFER, 0, rows);
      this.trunks.set([rows[3], rows[7], rows[11], Math.atan2(rows[4], rows[0])], 4 * i);  // the first joint is the root
    }
  }

  // One eye's picture into the framebuffer that is bound; matrices column by column.
  draw({ x, y, width, height }, projection, T_world_eye) {
    const gl = this.gl, T_clip_world = times(projection, rigidInverse(T_world_eye));
    gl.viewport(x, y, width, height);
    for (const { made, at, texture, array, count } of [this.scene, this.agent]) {
      gl.useProgram(made);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniformMatrix4fv(at("T_clip_world"), false, T_clip_world);
      gl.uniform3fv(at("eye"), T_world_eye.subarray(12, 15));
      gl.uniform3fv(at("lamp"), this.lamp);
      for (const name of ["ambient", "strength", "shadow"]) gl.uniform1f(at(name), this.light[name]);
      gl.uniform1i(at("animals"), this.count);
      gl.uniform4fv(at("trunks"), this.trunks);
      gl.uniform2fv(at("oval"), this.oval);
      gl.bindVertexArray(array);
      for (const skin of array === this.agent.array ? this.skins.slice(0, this.count) : [null]) {
        if (skin) gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, skin);
        gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
      }
    }
    gl.bindVertexArray(null);
    this.drawMarks(T_clip_world);
    this.drawSky(projection, T_world_eye);
  }

  drawMarks(T_clip_world) {
    const gl = this.gl, { made, at, place } = this.mark;
    gl.useProgram(made);
    gl.uniformMatrix4fv(at("T_clip_world"), false, T_clip_world);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.points);
    gl.enableVertexAttribArray(place("position"));
    gl.vertexAttribPointer(place("position"), 3, gl.FLOAT, false, 0, 0);
    for (const { color, points } of this.marks) {
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(points.flat()), gl.STREAM_DRAW);
      gl.uniform3fv(at("color"), color);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, points.length);
    }
    gl.disableVertexAttribArray(place("position"));
  }

  drawSky(projection, T_world_eye) {
    const gl = this.gl, { made, at } = this.sky;
    gl.useProgram(made);
    gl.uniformMatrix4fv(at("T_world_eye"), false, T_world_eye);
    gl.uniform4f(at("lens"), projection[0], projection[5], projection[8], projection[9]);
    for (const name of ["horizon", "zenith"]) gl.uniform3fv(at(name), this.light[name].map(part => part / 255));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

// How far points reach along an axis.
function span(points, axis) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = axis; i < points.length; i += 3) [low, high] = [Math.min(low, points[i]), Math.max(high, points[i])];
  return high - low;
}

// A ribbon of 4 m from a place in a direction.
function laser(start, along) {
  const side = unit([-along[1], along[0], 1e-6]), at = (metres, aside) => start.map((part, i) => part + metres * along[i] + aside * side[i]);
  return { color: LASER, points: [at(0, -.002), at(0, .002), at(4, -.002), at(4, .002)] };
}

// A flat ring around a place on the ground.
function ring([x, y, z]) {
  const rim = (angle, radius) => [x + radius * Math.cos(angle), y + radius * Math.sin(angle), z + .02];
  return { color: RING, points: Array.from({ length: 66 }, (_, i) => rim(Math.floor(i / 2) * Math.PI / 16, i % 2 ? .12 : .14)) };
}
