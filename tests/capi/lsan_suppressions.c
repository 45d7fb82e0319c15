/* Pango's fontconfig keeps what it has found of fonts. */
const char* __lsan_default_suppressions(void);
const char* __lsan_default_suppressions(void) { return "leak:libfontconfig"; }
