"""The GLSL programs of the panda3d renderer.

A software rasteriser runs both sides of every ``if`` for every pixel, so what a condition or a surface does not need
is left out by ``#ifdef``, and everything that can be computed per corner is.
"""

from __future__ import annotations

from collections.abc import Iterable

_SHARED = """#version 150
uniform vec3 eye; uniform vec3 sun; uniform vec3 sunlight; uniform vec3 above; uniform vec3 below;
uniform vec3 sky_high; uniform vec3 sky_low; uniform float haze; uniform float exposure; uniform float wet;
uniform vec4 head; uniform mat4 shadow_matrix; uniform vec4 street_box;

// A square root is near enough to the screen's gamma, and cheap.
vec3 shown(vec3 light) {
  vec3 x = light * exposure;
  return sqrt(clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0));
}
vec3 sky(float up) { return mix(sky_low, sky_high, sqrt(clamp(up * 1.25, 0.0, 1.0))); }

#ifdef SHADOWS
uniform sampler2DShadow shadow_map;
float tap(vec3 spot) { return texture(shadow_map, vec3(spot.xy, spot.z)); }
vec3 shadow_spot(vec3 place, vec3 normal) {
  vec4 spot = shadow_matrix * vec4(place + normal * 0.08, 1.0);
  return spot.xyz * 0.5 + vec3(0.5, 0.5, 0.4989);
}
float sunlit(vec3 spot) {
  vec2 rim = abs(spot.xy - 0.5);
  return max(tap(spot), smoothstep(0.43, 0.495, max(rim.x, rim.y)));
}
#endif

#ifdef LAMPS
uniform sampler2D street_light;
vec3 street(vec3 place) {
  float lit = texture(street_light, (place.xy - street_box.xy) * street_box.zw).r;
  return vec3(1.0, 0.74, 0.44) * (lit * 0.85 / (1.0 + 0.02 * place.z * place.z));
}
// The ego's own dipped beams, from its front at the height of its lamps.
vec3 head_light(vec3 place, vec3 normal) {
  vec2 to = place.xy - head.xy;
  float ahead = dot(to, head.zw);
  float spread = dot(to, vec2(-head.w, head.z)) / max(ahead, 1.0);
  float beam = exp(-spread * spread * 9.0) * smoothstep(1.5, 9.0, ahead) / (1.0 + ahead * ahead * 0.0020);
  float low = 1.0 - smoothstep(0.6, 1.4, place.z - ahead * 0.004);
  float facing = max(-dot(normal.xy, head.zw), 0.0) * 0.9 + max(normal.z, 0.0) * 0.55;
  return vec3(1.0, 0.94, 0.82) * (0.34 * beam * facing * low);
}
#endif
"""

VERTEX = """
in vec4 p3d_Vertex; in vec3 p3d_Normal; in vec4 p3d_Color; in vec4 p3d_MultiTexCoord0;
uniform mat4 p3d_ModelViewProjectionMatrix; uniform mat4 p3d_ModelMatrix;
out vec3 place; out vec3 normal; out vec3 albedo; out vec4 kind; out vec3 soft; out vec3 hard; out vec3 spot; out float clear;
void main() {
  gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
  place = (p3d_ModelMatrix * p3d_Vertex).xyz;
  normal = mat3(p3d_ModelMatrix) * p3d_Normal;
  kind = p3d_MultiTexCoord0;
  albedo = p3d_Color.rgb * p3d_Color.rgb;
  vec3 to_eye = eye - place;
  if (dot(normal, to_eye) < 0.0) normal = -normal;
  // Less sky reaches what stands low between cars and walls.
  float open = 0.78 + 0.22 * clamp(place.z * 0.6, 0.0, 1.0);
  soft = albedo * (mix(below, above, normal.z * 0.5 + 0.5) * open + vec3(kind.y));
  hard = albedo * sunlight * max(dot(normal, sun), 0.0);
  clear = max(exp(-length(to_eye) / haze), min(kind.y * 0.06, 0.5));
#ifdef SHADOWS
  spot = shadow_spot(place, normal);
#ifdef LEAF
  hard *= 0.25 + 0.75 * sunlit(spot);
#endif
#else
  spot = vec3(0.0);
#endif
#ifdef LEAF
#ifdef LAMPS
  soft += albedo * (street(place) + head_light(place, normal));
#endif
  hard = shown(mix(sky_low, soft + hard, clear));
#endif
}
"""

# kind: reflection, emitted light, graininess, narrowness of the highlight.
STANDING = """
in vec3 place; in vec3 normal; in vec3 albedo; in vec4 kind; in vec3 soft; in vec3 hard; in vec3 spot; in float clear;
uniform sampler2D grain;
out vec4 colour;
void main() {
#ifdef LEAF
  colour = vec4(hard, 1.0);
#else
  vec3 c = soft;
#ifdef SHADOWS
  float lit = sunlit(spot);
  c += hard * lit;
#endif
#ifdef LAMPS
  c += albedo * (street(place) * (0.55 + 0.45 * max(normal.z, 0.0)) + head_light(place, normal));
#endif
#ifdef STONE
  vec2 at = normal.z > 0.7 ? place.xy : vec2(place.x + place.y, place.z);
  vec2 speck = texture(grain, at * 0.37).rg;
  c *= 1.0 + kind.z * (speck.r + speck.g - 1.0);
#ifdef WET
  c *= 1.0 - 0.3 * max(normal.z, 0.0);
#endif
#endif
#ifdef SHINY
  vec3 n = normalize(normal);
  vec3 v = normalize(eye - place);
  float edge = 1.0 - max(dot(n, v), 0.0);
  edge *= edge;
  vec3 r = reflect(-v, n);
  vec3 seen = mix(below * 0.7 + vec3(0.02), sky(r.z), smoothstep(-0.12, 0.16, r.z));
  c = mix(c, seen, min(kind.x * (0.06 + 0.94 * edge * edge), 0.85));
#ifdef SHADOWS
  float shine = max(dot(r, sun), 0.0);
  shine *= shine; shine *= shine; shine *= shine; shine *= shine; shine *= shine; shine *= shine;
  c += sunlight * (kind.x * lit * 0.8 * shine);
#endif
#endif
  colour = vec4(shown(mix(sky_low, c, clear)), 1.0);
#endif
}
"""

FLAT_VERTEX = """
in vec4 p3d_Vertex; in vec4 p3d_Color;
uniform mat4 p3d_ModelViewProjectionMatrix;
out vec3 place; out vec3 albedo; out vec3 spot;
void main() {
  gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
  place = p3d_Vertex.xyz;
  albedo = p3d_Color.rgb * p3d_Color.rgb;
#ifdef SHADOWS
  spot = shadow_spot(place, vec3(0.0, 0.0, 1.0));
#else
  spot = vec3(0.0);
#endif
}
"""

FLAT = """
in vec3 place; in vec3 albedo; in vec3 spot;
uniform sampler2D grain; uniform sampler2D mirror_picture; uniform vec2 pixel;
out vec4 colour;
void main() {
  vec3 to_eye = eye - place;
  float far = length(to_eye);
  float fine = texture(grain, place.xy * 0.53).r - 0.5;
  vec2 broad = texture(grain, place.xy * 0.031).gb - 0.5;
  float alpha = 1.0;
  vec3 base = albedo;
#ifdef MEADOW
  base *= (1.0 + 0.8 * fine) * (1.0 + 0.6 * broad.x);
  base *= mix(vec3(1.0), vec3(1.14, 1.02, 0.88), clamp(broad.y * 2.0, -0.6, 1.0));
#endif
#ifdef ASPHALT
  base *= (1.0 + 0.55 * fine) * (1.0 + 0.10 * broad.x + 0.10 * broad.y);
#endif
#ifdef WEAR
  alpha = 0.8;
#endif
#ifdef PAINT
  base *= 1.0 + 0.25 * fine;
  alpha = clamp(0.88 + broad.x * 0.55 + fine * 0.8, 0.2, 0.95);
#endif
#ifdef WET
#ifndef MEADOW
  base *= 0.55;
#endif
#endif
  vec3 light = above;
#ifdef SHADOWS
  light += sunlight * (sun.z * sunlit(spot));
#endif
#ifdef LAMPS
  light += street(place) + head_light(place, vec3(0.0, 0.0, 1.0));
#endif
  vec3 c = base * light;
#ifdef WET
#ifndef MEADOW
  float up = to_eye.z / far;
  float edge = 1.0 - up;
  float edge2 = edge * edge;
  float puddle = clamp(broad.y * 1.8 + 0.40, 0.0, 1.0);
  float amount = (0.05 + 0.95 * edge2 * edge2 * edge) * mix(0.26, 0.58, puddle);
  vec2 ripple = vec2(fine, broad.x) * vec2(0.010, 0.035);
  vec4 seen = texture(mirror_picture, gl_FragCoord.xy * pixel + ripple);
  // The mirrored picture is stored as shown; squaring is near enough to light.
  vec3 mirrored = mix(sky(0.05 + 0.5 * up), seen.rgb * seen.rgb * (0.8 / exposure), seen.a);
#ifdef PAINT
  // Paint stands out of the water.
  amount *= 0.35;
#endif
  c = mix(c, mirrored, min(amount, 0.8));
#endif
#endif
  colour = vec4(shown(mix(sky_low, c, exp(-far / haze))), alpha);
}
"""

SKY_VERTEX = """
in vec4 p3d_Vertex; uniform mat4 p3d_ModelViewProjectionMatrix; uniform mat4 p3d_ModelMatrix;
out vec3 ray;
void main() {
  vec4 at = p3d_ModelViewProjectionMatrix * p3d_Vertex;
  gl_Position = vec4(at.xy, at.w * 0.99999, at.w);
  ray = (p3d_ModelMatrix * p3d_Vertex).xyz - eye;
}
"""

SKY = """
in vec3 ray; uniform sampler2D grain; uniform float clouds;
out vec4 colour;
void main() {
  vec3 d = normalize(ray);
  vec3 c = sky(max(d.z, 0.0));
  vec2 at = d.xy / (max(d.z, 0.0) + 0.16);
  float puff = texture(grain, at * 0.045).b * 0.60 + texture(grain, at * 0.17 + 0.3).g * 0.27;
  puff += texture(grain, at * 0.6).g * 0.13;
  float cover = smoothstep(0.50, 0.66, puff) * clouds * smoothstep(0.02, 0.16, d.z);
  vec3 white = (above * 0.9 + sunlight * 0.34 + sky_low * 0.25) * (0.62 + 0.5 * puff);
  c = mix(c, white, cover * 0.8);
  float glare = max(dot(d, sun), 0.0);
  glare *= glare; glare *= glare;
  c += sunlight * (0.08 * glare + 0.2 * glare * glare * glare * glare);
  colour = vec4(shown(c), 1.0);
}
"""

DEPTH_VERTEX = """#version 150
in vec4 p3d_Vertex; uniform mat4 p3d_ModelViewProjectionMatrix;
void main() { gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex; }
"""

# Depth along the optical axis, and whose face it is.
LAYERS_VERTEX = """#version 150
in vec4 p3d_Vertex; uniform mat4 p3d_ModelViewProjectionMatrix;
out float depth;
void main() { gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex; depth = gl_Position.w; }
"""

LAYERS = """#version 150
in float depth; uniform float owner; out vec4 values;
void main() { values = vec4(depth, owner, 0.0, 1.0); }
"""

NOTHING = "#version 150\nvoid main() {}\n"

# Contact shadows darken what is there; halos add light to it. Both come as shown colours.
SHADE = """#version 150
uniform float depth_of_shade;
out vec4 colour;
void main() { colour = vec4(0.0, 0.0, 0.0, depth_of_shade); }
"""

HALO_VERTEX = """#version 150
in vec4 p3d_Vertex; in vec4 p3d_Color; in vec4 p3d_MultiTexCoord0;
uniform mat4 p3d_ModelViewProjectionMatrix;
out vec3 tint; out vec3 spot;
void main() {
  gl_Position = p3d_ModelViewProjectionMatrix * p3d_Vertex;
  tint = p3d_Color.rgb; spot = p3d_MultiTexCoord0.xyz;
}
"""

HALO = """#version 150
in vec3 tint; in vec3 spot; out vec4 colour;
void main() {
  float glow = max(1.0 - dot(spot.xy, spot.xy), 0.0);
  float sharp = glow * glow; sharp *= sharp; sharp *= sharp;
  float strength = spot.z * (glow * glow * 0.35 + sharp * 0.65);
  colour = vec4(tint * strength, strength);
}
"""


def variant(program: str, flags: Iterable[str]) -> str:
    """A shader program with its options: any of SHADOWS, LAMPS, WET, LEAF, STONE, SHINY, MEADOW, ASPHALT, WEAR, PAINT."""
    version, rest = _SHARED.split("\n", 1)
    return "\n".join([version, *(f"#define {flag}" for flag in flags), rest, program])
