"""Distances on the globe, and the round trip that light in fibre needs for them.

Pure. Sources: haversine formula on the mean radius of IUGG (6371.0088 km); light in fibre covers about
2/3 of c, 100 km of path per millisecond of round trip (Katz-Bassett et al., IMC 2006).
"""

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088
FIBRE_KM_PER_MS = 99.93  # of distance, per millisecond of round trip: 299.79 km/ms * 2/3 / 2


def distance_km(latitude_1: float, longitude_1: float, latitude_2: float, longitude_2: float) -> float:
    """Return the great-circle distance between two points given in degrees: 0 to 20,016 km."""
    phi_1, phi_2 = radians(latitude_1), radians(latitude_2)
    a = (
        sin((phi_2 - phi_1) / 2) ** 2
        + cos(phi_1) * cos(phi_2) * sin(radians(longitude_2 - longitude_1) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, a)))


def fibre_bound_ms(km: float) -> float:
    """Return the least round trip that physics allows over that distance."""
    return km / FIBRE_KM_PER_MS
