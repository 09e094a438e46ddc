"use strict";
// What the graphics card runs. Colours as in ats_sim/rendering/shading.py: the home's own light is in its colours and only
// shadows fall on it; animals are lit by a lamp and from around. An animal's shadow is an oval that fades below its trunk.

const MOST_JOINTS = 127, MOST_ANIMALS = 16;

const SURFACE_VERTEX = `
uniform mat4 T_clip_world;
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 color;
out vec3 v_world, v_normal, v_color;
out vec2 v_uv;
#ifdef SKINNED
layout(std140) uniform Skin { vec4 rows[${3 * MOST_JOINTS}]; };
in uvec4 joints;
in vec4 weights;
vec4 row(int k) {
  uvec4 at = 3u * joints + uint(k);
  return weights.x * rows[at.x] + weights.y * rows[at.y] + weights.z * rows[at.z] + weights.w * rows[at.w];
}
#endif
void main() {
  v_world = position;
  v_normal = normal;
#ifdef SKINNED
  vec4 x = row(0), y = row(1), z = row(2), rest = vec4(position, 1.0);
  v_world = vec3(dot(x, rest), dot(y, rest), dot(z, rest));
  v_normal = vec3(dot(x.xyz, normal), dot(y.xyz, normal), dot(z.xyz, normal));
#endif
  v_uv = uv;
  v_color = color;
  gl_Position = T_clip_world * vec4(v_world, 1.0);
}`;

const SURFACE_FRAGMENT = `
uniform sampler2D picture;
uniform vec3 eye, lamp;
uniform float ambient, strength, shadow;
uniform int animals;
uniform vec4 trunks[${MOST_ANIMALS}];  // x, y, z, heading
uniform vec2 oval;                     // half its length and width
in vec3 v_world, v_normal, v_color;
in vec2 v_uv;
out vec4 shown;

vec3 decode(vec3 c) { return mix(pow((c + 0.055) / 1.055, vec3(2.4)), c / 12.92, lessThanEqual(c, vec3(0.04045))); }
vec3 encode(vec3 c) { return mix(1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, 12.92 * c, lessThanEqual(c, vec3(0.0031308))); }

float lamp_reaches() {
  float dark = 0.0;
  for (int i = 0; i < animals; i++) {
    float below = trunks[i].z - v_world.z;
    if (below < 0.0 || below > 1.0) continue;
    vec2 away = v_world.xy - trunks[i].xy + lamp.xy / lamp.z * below;
    float c = cos(trunks[i].w), s = sin(trunks[i].w);
    vec2 share = vec2(c * away.x + s * away.y, c * away.y - s * away.x) / oval;
    dark = max(dark, 1.0 - smoothstep(0.5, 1.3, length(share)));
  }
  return 1.0 - shadow * dark;
}

void main() {
#ifdef TEXTURED
  vec3 albedo = texture(picture, v_uv).rgb;
#else
  vec3 albedo = v_color;
#endif
#ifdef SKINNED
  vec3 facing = normalize(v_normal);
  if (dot(facing, v_world - eye) > 0.0) facing = -facing;
  float light = ambient * (0.8 + 0.2 * facing.z) + strength * max(dot(facing, lamp), 0.0);
#else
  float light = 0.35 + 0.65 * lamp_reaches();
#endif
  shown = vec4(encode(clamp(decode(albedo) * light, 0.0, 1.0)), 1.0);
}`;

const SKY_VERTEX = `
uniform mat4 T_world_eye;
uniform vec4 lens;  // the projection's entries that scale and shift
out vec3 ray;
void main() {
  vec2 place = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  ray = mat3(T_world_eye) * vec3((place + lens.zw) / lens.xy, -1.0);
  gl_Position = vec4(place, 1.0, 1.0);
}`;

const SKY_FRAGMENT = `
uniform vec3 horizon, zenith;
in vec3 ray;
out vec4 shown;
void main() {
  float height = normalize(ray).z;
  vec3 color = mix(horizon, zenith, clamp(height * 1.4, 0.0, 1.0));
  shown = vec4(color * (1.0 - 0.22 * clamp(-height * 3.0, 0.0, 1.0)), 1.0);
}`;

const MARK_VERTEX = `
uniform mat4 T_clip_world;
in vec3 position;
void main() { gl_Position = T_clip_world * vec4(position, 1.0); }`;

const MARK_FRAGMENT = `
uniform vec3 color;
out vec4 shown;
void main() { shown = vec4(color, 1.0); }`;

function program(gl, vertex, fragment, defines = []) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, `#version 300 es\nprecision highp float;\n${defines.map(name => `#define ${name}\n`).join("")}${source}`);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(`this graphics card refuses a shader: ${gl.getShaderInfoLog(shader)}`);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(`this graphics card refuses a program: ${gl.getProgramInfoLog(made)}`);
  const found = {}, at = name => name in found ? found[name] : found[name] = gl.getUniformLocation(made, name);
  return { made, at, place: name => gl.getAttribLocation(made, name) };
}
