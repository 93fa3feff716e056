// An offset need not be a constant here, as it has to be in GLSL ES.
vec4 sg_offset(sampler2D t, vec2 p, ivec2 o) {
  return textureLod(t, p + vec2(o) / vec2(textureSize(t, 0)), 0.0);
}
vec4 sg_fetch_offset(sampler2D t, ivec2 p, int level, ivec2 o) { return texelFetch(t, p + o, level); }
#define textureOffset sg_offset
#define texelFetchOffset sg_fetch_offset
