"""How GLSL is spelled: names, literals, addresses, tables."""
