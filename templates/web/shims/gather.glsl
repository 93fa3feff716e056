vec4 sg_gather(sampler2D t, vec2 p, int c) {
  ivec2 last = textureSize(t, 0) - 1, at = ivec2(floor(p * vec2(last + 1) - 0.5));
  ivec4 x = clamp(at.x + ivec4(0, 1, 1, 0), 0, last.x), y = clamp(at.y + ivec4(1, 1, 0, 0), 0, last.y);
  return vec4(texelFetch(t, ivec2(x.x, y.x), 0)[c], texelFetch(t, ivec2(x.y, y.y), 0)[c],
    texelFetch(t, ivec2(x.z, y.z), 0)[c], texelFetch(t, ivec2(x.w, y.w), 0)[c]);
}
vec4 sg_gather(sampler2D t, vec2 p) { return sg_gather(t, p, 0); }
vec4 sg_gather_at(sampler2D t, vec2 p, ivec2 o, int c) {
  return sg_gather(t, p + vec2(o) / vec2(textureSize(t, 0)), c);
}
vec4 sg_gather_at(sampler2D t, vec2 p, ivec2 o) { return sg_gather_at(t, p, o, 0); }
vec4 sg_gather_each(sampler2D t, vec2 p, ivec2 o[4], int c) {
  ivec2 last = textureSize(t, 0) - 1, at = ivec2(floor(p * vec2(last + 1) - 0.5));
  return vec4(texelFetch(t, clamp(at + o[0], ivec2(0), last), 0)[c], texelFetch(t, clamp(at + o[1], ivec2(0), last), 0)[c],
    texelFetch(t, clamp(at + o[2], ivec2(0), last), 0)[c], texelFetch(t, clamp(at + o[3], ivec2(0), last), 0)[c]);
}
vec4 sg_gather_each(sampler2D t, vec2 p, ivec2 o[4]) { return sg_gather_each(t, p, o, 0); }
#define textureGather sg_gather
#define textureGatherOffsets sg_gather_each
#define textureGatherOffset sg_gather_at
