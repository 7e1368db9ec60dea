"""One module per kind of job; `registry` names them and imports them on first use."""
