"""Do it now.

The shell around the pure rooms: reads settings, catalogues and case files, holds the only clock and the
only secrets, turns one room's values into another's, and acts. No rule of law and no wording lives here.
"""
