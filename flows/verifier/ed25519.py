"""Ed25519 signatures, checked (RFC 8032, sections 5.1 and 6); the standard library has none.

For checking only: nothing here is secret, so nothing need take the same time whatever its values.
"""

from __future__ import annotations

import hashlib

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, T = XY/Z
_NEUTRAL: _Point = (0, 1, 1, 0)


def verified(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the signature of the message by the holder of the key. Never raises on bytes."""
    if len(public) != 32 or len(signature) != 64:  # noqa: PLR2004 - RFC 8032, 5.1.5 and 5.1.6
        return False
    key, scalar = _decoded(public), int.from_bytes(signature[32:], "little")
    if key is None or scalar >= _ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % _ORDER
    x, y, z, t = key
    return _encoded(_sum(scalar, _BASE, challenge, (_P - x, y, z, _P - t))) == signature[:32]


def _add(a: _Point, b: _Point) -> _Point:
    """RFC 8032, 5.1.4."""
    p, q = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    c, d = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = q - p, d - c, d + c, q + p
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum(first: int, a: _Point, second: int, b: _Point) -> _Point:
    """Two points, each times its number, added: bit by bit."""
    both, result = {1: a, 2: b, 3: _add(a, b)}, _NEUTRAL
    for place in reversed(range(max(first.bit_length(), second.bit_length()))):
        result = _add(result, result)
        if bits := first >> place & 1 | (second >> place & 1) << 1:
            result = _add(result, both[bits])
    return result


def _encoded(point: _Point) -> bytes:
    """RFC 8032, 5.1.2."""
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decoded(data: bytes) -> _Point | None:
    """RFC 8032, 5.1.3; None for bytes that are no point."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE: _Point = _decoded((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little")) or _NEUTRAL
