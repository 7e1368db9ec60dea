import type { Box } from './hand.ts'

/** Shared area over the area of both (Jaccard), 0 to 1. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const shared = sharedArea(a, b)
  return shared / (a.width * a.height + b.width * b.height - shared)
}

/** Shared area over that of the smaller box: 1 when one lies in the other. */
export function intersectionOverSmaller(a: Box, b: Box): number {
  return sharedArea(a, b) / Math.min(a.width * a.height, b.width * b.height)
}

function sharedArea(a: Box, b: Box): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left)
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top)
  return Math.max(0, width) * Math.max(0, height)
}
