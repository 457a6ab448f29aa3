"""A plug-in package for rmbench: one scorer, one loader, one metric, one suite."""
