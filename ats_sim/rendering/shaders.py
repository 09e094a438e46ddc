"""GLSL programs of the moderngl backend.

Two passes: the first writes surface colour, normal and (z-depth, label) of the nearest surface; the second lights each
pixel once. In software OpenGL small triangles run the fragment program many times per pixel, so the first must be
cheap. The shading model, which ats_sim.rendering.shading repeats in numpy, is described there.
"""

from __future__ import annotations

SURFACE_VERTEX = """
#version 330
uniform mat4 T_clip_world;
uniform mat4 T_world_mesh;
uniform float cut_height;
in vec3 in_position;
in vec3 in_normal;
out vec3 v_normal;
#ifdef TEXTURED
in vec2 in_uv;
out vec2 v_uv;
#else
in vec3 in_color;
out vec3 v_color;
#endif
void main() {
    vec4 world = T_world_mesh * vec4(in_position, 1.0);
    v_normal = mat3(T_world_mesh) * in_normal;
#ifdef TEXTURED
    v_uv = in_uv;
#else
    v_color = in_color;
#endif
    gl_Position = T_clip_world * world;
    gl_ClipDistance[0] = cut_height - world.z;
}
"""

SURFACE_FRAGMENT = """
#version 330
uniform vec3 tint;
uniform float label;
uniform float unlit;
in vec3 v_normal;
#ifdef TEXTURED
uniform sampler2D albedo_map;
in vec2 v_uv;
#else
in vec3 v_color;
#endif
layout(location = 0) out vec4 out_albedo;
layout(location = 1) out vec4 out_normal;
layout(location = 2) out vec2 out_depth_label;
void main() {
#ifdef TEXTURED
    vec3 albedo = texture(albedo_map, v_uv).rgb;
#else
    vec3 albedo = v_color;
#endif
    out_albedo = vec4(albedo * tint, 1.0);
    out_normal = vec4(v_normal * 0.5 + 0.5, unlit);
    out_depth_label = vec2(1.0 / gl_FragCoord.w, label);
}
"""

LIGHT_VERTEX = """
#version 330
void main() {
    gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
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
uniform vec3 horizon;
uniform vec3 zenith;
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

vec3 sky(vec3 ray) {
    float elevation = ray.z / length(ray);
    vec3 color = mix(horizon, zenith, clamp(elevation * 1.4, 0.0, 1.0));
    return color * (1.0 - 0.22 * clamp(-elevation * 3.0, 0.0, 1.0));
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
    if (depth_label.y == 0.0) {
        out_color = vec4(sky(ray), 1.0);
        return;
    }
    vec4 surface = texelFetch(normal_map, pixel, 0);
    vec3 albedo = decode(texelFetch(albedo_map, pixel, 0).rgb);
    float lit = lit_share(T_world_camera[3].xyz + ray * depth_label.x);
    vec3 normal = normalize(surface.xyz - 0.5);
    if (dot(normal, ray) > 0.0) normal = -normal;
    float diffuse = strength * max(dot(normal, lamp), 0.0) * lit;
    float shaded = ambient * (0.8 + 0.2 * normal.z) + diffuse;
    float light = surface.w > 0.5 ? 0.35 + 0.65 * lit : shaded;
    out_color = vec4(encode(albedo * light * light_color), 1.0);
}
"""

SHADOW_VERTEX = """
#version 330
uniform mat4 T_shadow_world;
uniform mat4 T_world_mesh;
in vec3 in_position;
void main() {
    vec4 shadow = T_shadow_world * T_world_mesh * vec4(in_position, 1.0);
    gl_Position = vec4(shadow.xyz * 2.0 - 1.0, 1.0);
}
"""

SHADOW_FRAGMENT = """
#version 330
void main() {}
"""


def textured(source: str) -> str:
    """The same program reading its colour from a texture instead of from the vertices."""
    return source.replace("#version 330", "#version 330\n#define TEXTURED", 1)


def shadowed(source: str) -> str:
    """The same program looking for shadows: a software rasterizer pays for them even where they are switched off."""
    return source.replace("#version 330", "#version 330\n#define SHADOWED", 1)
