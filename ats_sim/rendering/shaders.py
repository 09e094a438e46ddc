"""GLSL programs of the moderngl backend, each in variants that leave out what a mesh does not need.

The first pass writes the colour, normal and (z-depth, label) of the nearest surface, and the sky where there is none.
Unlit colours are then final: only rectangles around lit surfaces and shadows are visited again, by the second pass. In
software OpenGL small triangles run the fragment program many times per pixel, so the first pass must be cheap. The
shading model, which ats_sim.rendering.shading repeats in numpy, is described there.
"""

from __future__ import annotations

from ats_sim.rendering.shading import RIM
from ats_sim.skeleton import MAX_JOINTS

_SKIN = f"""
#ifdef SKINNED
layout(std140) uniform Skin {{ vec4 rows[{3 * MAX_JOINTS}]; }};
in uvec4 in_joints;
in vec4 in_weights;
vec4 blended(int row) {{
    return in_weights.x * rows[3u * in_joints.x + uint(row)] + in_weights.y * rows[3u * in_joints.y + uint(row)]
         + in_weights.z * rows[3u * in_joints.z + uint(row)] + in_weights.w * rows[3u * in_joints.w + uint(row)];
}}
#endif
"""
"""Three rows of four numbers per joint map rest points to posed points."""

SURFACE_VERTEX = (
    """
#version 330
uniform mat4 T_clip_world;
uniform mat4 T_world_mesh;
uniform float cut_height;
in vec3 in_position;
#ifdef NORMALS
in vec3 in_normal;
out vec3 v_normal;
out vec3 v_world;
#endif
#ifdef TEXTURED
in vec2 in_uv;
out vec2 v_uv;
#else
in vec3 in_color;
out vec3 v_color;
#endif
"""
    + _SKIN
    + """
void main() {
#ifdef SKINNED
    mat3x4 bend = mat3x4(blended(0), blended(1), blended(2));
    vec3 place = vec4(in_position, 1.0) * bend;
#else
    vec3 place = in_position;
#endif
    vec4 world = T_world_mesh * vec4(place, 1.0);
#ifdef NORMALS
#ifdef SKINNED
    v_normal = mat3(T_world_mesh) * normalize(vec4(in_normal, 0.0) * bend);
#else
    v_normal = mat3(T_world_mesh) * in_normal;
#endif
    v_world = world.xyz;
#endif
#ifdef TEXTURED
    v_uv = in_uv;
#else
    v_color = in_color;
#endif
    gl_Position = T_clip_world * world;
    gl_ClipDistance[0] = cut_height - world.z;
}
"""
)

SURFACE_FRAGMENT = f"""
#version 330
#define RIM {RIM}
uniform vec3 tint;
uniform float label;
#ifdef GLASS
uniform float opacity;
uniform vec3 eye;
#endif
#ifdef NORMALS
in vec3 v_normal;
in vec3 v_world;
#endif
#ifdef TEXTURED
uniform sampler2D albedo_map;
in vec2 v_uv;
#else
in vec3 v_color;
#endif
layout(location = 0) out vec4 out_albedo;
#ifdef LIT
layout(location = 1) out vec4 out_normal;
#endif
layout(location = 2) out vec4 out_depth_label;
void main() {{
#ifdef TEXTURED
    vec3 albedo = texture(albedo_map, v_uv).rgb;
#else
    vec3 albedo = v_color;
#endif
#ifdef GLASS
    float facing = abs(dot(normalize(v_normal), normalize(v_world - eye)));
    float share = opacity + RIM * (1.0 - opacity) * (1.0 - facing) * (1.0 - facing);
    out_albedo = vec4(albedo * tint, share);
#else
#ifdef LIT
    out_albedo = vec4(albedo * tint, 0.0);
    out_normal = vec4(v_normal * 0.5 + 0.5, 1.0);
#else
    out_albedo = vec4(albedo * tint, 1.0);
#endif
#endif
    out_depth_label = vec4(1.0 / gl_FragCoord.w, label, 0.0, 1.0);
}}
"""
"""The alpha of the colour says whether it is final (1) or still to be lit (0)."""

SCREEN_VERTEX = """
#version 330
void main() {
    gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 1.0, 1.0);
}
"""
"""One triangle that covers the picture, at the far plane."""

SKY_FRAGMENT = """
#version 330
uniform mat4 T_world_camera;
uniform vec4 pinhole;
uniform vec3 horizon;
uniform vec3 zenith;
layout(location = 0) out vec4 out_albedo;
layout(location = 2) out vec4 out_depth_label;
void main() {
    vec2 image = (floor(gl_FragCoord.xy) - pinhole.zw) / pinhole.xy;
    vec3 ray = mat3(T_world_camera) * vec3(image, 1.0);
    float elevation = ray.z / length(ray);
    vec3 color = mix(horizon, zenith, clamp(elevation * 1.4, 0.0, 1.0));
    out_albedo = vec4(color * (1.0 - 0.22 * clamp(-elevation * 3.0, 0.0, 1.0)), 1.0);
    out_depth_label = vec4(0.0);
}
"""

LIGHT_FRAGMENT = """
#version 330
uniform sampler2D albedo_map;
uniform sampler2D normal_map;
uniform sampler2D depth_label_map;
uniform mat4 T_world_camera;
uniform vec4 pinhole;
uniform vec3 lamp;
uniform vec3 light_color;
uniform float ambient;
uniform float strength;
#ifdef SHADOWED
uniform sampler2DShadow shadow_map;
uniform mat4 T_shadow_world;
uniform float shadow;
uniform float blur;
#endif
layout(location = 0) out vec4 out_color;

vec3 decode(vec3 c) {
    return mix(pow((c + 0.055) / 1.055, vec3(2.4)), c / 12.92, lessThanEqual(c, vec3(0.04045)));
}

vec3 encode(vec3 c) {
    c = clamp(c, 0.0, 1.0);
    return mix(1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, 12.92 * c, lessThanEqual(c, vec3(0.0031308)));
}

float lit_share(vec3 world) {
#ifdef SHADOWED
    vec3 place = (T_shadow_world * vec4(world, 1.0)).xyz;
    if (any(lessThan(place, vec3(0.0))) || any(greaterThan(place, vec3(1.0)))) return 1.0;
    float sum = texture(shadow_map, place);
    sum += texture(shadow_map, place + vec3(-blur, -blur, 0.0)) + texture(shadow_map, place + vec3(blur, -blur, 0.0));
    sum += texture(shadow_map, place + vec3(-blur, blur, 0.0)) + texture(shadow_map, place + vec3(blur, blur, 0.0));
    return 1.0 - shadow * (1.0 - sum / 5.0);
#else
    return 1.0;
#endif
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec2 image = (vec2(pixel) - pinhole.zw) / pinhole.xy;
    vec3 ray = mat3(T_world_camera) * vec3(image, 1.0);
    vec2 depth_label = texelFetch(depth_label_map, pixel, 0).rg;
    vec4 albedo = texelFetch(albedo_map, pixel, 0);
    float lit = lit_share(T_world_camera[3].xyz + ray * depth_label.x);
    vec3 normal = normalize(texelFetch(normal_map, pixel, 0).xyz - 0.5);
    if (dot(normal, ray) > 0.0) normal = -normal;
    float diffuse = strength * max(dot(normal, lamp), 0.0) * lit;
    float shaded = ambient * (0.8 + 0.2 * normal.z) + diffuse;
    float light = albedo.a > 0.5 ? 0.35 + 0.65 * lit : shaded;
    vec3 color = encode(decode(albedo.rgb) * light * light_color);
    out_color = vec4(depth_label.y == 0.0 ? albedo.rgb : color, 1.0);
}
"""

SHADOW_VERTEX = (
    """
#version 330
uniform mat4 T_shadow_world;
uniform mat4 T_world_mesh;
in vec3 in_position;
"""
    + _SKIN
    + """
void main() {
#ifdef SKINNED
    vec3 place = vec4(in_position, 1.0) * mat3x4(blended(0), blended(1), blended(2));
#else
    vec3 place = in_position;
#endif
    vec4 shadow = T_shadow_world * T_world_mesh * vec4(place, 1.0);
    gl_Position = vec4(shadow.xyz * 2.0 - 1.0, 1.0);
}
"""
)

SHADOW_FRAGMENT = """
#version 330
void main() {}
"""
