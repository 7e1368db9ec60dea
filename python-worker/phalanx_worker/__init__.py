"""The worker of Phalanx: one process that owns one device and does jobs sent by the TypeScript side."""
