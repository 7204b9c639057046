"""Is this bundle what was recorded, and do its dates follow from it?

The sources of the stand-alone verifier that every exported bundle carries as one file, `verify.py`. Nothing may enter
but the standard library, the timeline and `flows.outlook`, which the file carries as they are.
"""
