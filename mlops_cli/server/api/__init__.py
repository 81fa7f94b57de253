"""Endpoints, one module a part of a service: each authorises, calls one function of `store`, shapes the answer."""
