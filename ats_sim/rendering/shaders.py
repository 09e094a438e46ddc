"""GLSL programs of the moderngl backend.

The shading model, which the other backends repeat in numpy: colours are linear; a surface turned away from the eye is
lit as if it were two-sided; light is ``color * (ambient * (0.8 + 0.2 n_z) + strength * max(0, n . lamp) * lit)`` where
``lit`` falls to ``1 - shadow`` in full shadow; unlit surfaces get ``color * (0.55 + 0.45 lit)``.
"""

from __future__ import annotations

VERTEX = """
#version 330
uniform mat4 T_clip_world;
uniform mat4 T_world_mesh;
uniform mat4 T_shadow_world;
uniform vec4 depth_axis;
uniform float cut_height;
in vec3 in_position;
in vec3 in_normal;
#ifdef TEXTURED
in vec2 in_uv;
out vec2 v_uv;
#else
in vec3 in_color;
out vec3 v_color;
#endif
out vec3 v_normal;
out vec3 v_world;
out vec3 v_shadow;
out float v_depth;
void main() {
    vec4 world = T_world_mesh * vec4(in_position, 1.0);
    v_world = world.xyz;
    v_normal = mat3(T_world_mesh) * in_normal;
    v_depth = dot(depth_axis, world);
    v_shadow = (T_shadow_world * world).xyz;
#ifdef TEXTURED
    v_uv = in_uv;
#else
    v_color = in_color;
#endif
    gl_Position = T_clip_world * world;
    gl_ClipDistance[0] = cut_height - world.z;
}
"""

FRAGMENT = """
#version 330
uniform vec3 eye;
uniform vec3 lamp;
uniform vec3 light_color;
uniform vec3 tint;
uniform float ambient;
uniform float strength;
uniform float shadow;
uniform float label;
uniform bool unlit;
uniform bool any_shadow;
uniform float blur;
uniform sampler2DShadow shadow_map;
#ifdef TEXTURED
uniform sampler2D albedo_map;
in vec2 v_uv;
#else
in vec3 v_color;
#endif
in vec3 v_normal;
in vec3 v_world;
in vec3 v_shadow;
in float v_depth;
layout(location = 0) out vec4 out_color;
layout(location = 1) out vec2 out_depth_label;

float lit_share() {
    if (!any_shadow || any(lessThan(v_shadow, vec3(0.0))) || any(greaterThan(v_shadow, vec3(1.0)))) return 1.0;
    float sum = 0.0;
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++)
            sum += texture(shadow_map, vec3(v_shadow.xy + blur * vec2(i, j), v_shadow.z));
    return 1.0 - shadow * (1.0 - sum / 9.0);
}

vec3 encode(vec3 light) {
    light = clamp(light, 0.0, 1.0);
    return mix(1.055 * pow(light, vec3(1.0 / 2.4)) - 0.055, 12.92 * light, lessThanEqual(light, vec3(0.0031308)));
}

void main() {
#ifdef TEXTURED
    vec3 albedo = texture(albedo_map, v_uv).rgb;
#else
    vec3 albedo = v_color;
#endif
    float lit = lit_share();
    vec3 light;
    if (unlit) {
        light = light_color * (0.55 + 0.45 * lit);
    } else {
        vec3 normal = normalize(v_normal);
        if (dot(normal, eye - v_world) < 0.0) normal = -normal;
        float diffuse = strength * max(dot(normal, lamp), 0.0) * lit;
        light = light_color * (ambient * (0.8 + 0.2 * normal.z) + diffuse);
    }
    out_color = vec4(encode(albedo * tint * light), 1.0);
    out_depth_label = vec2(v_depth, label);
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
