import type { RgbImage } from '../artefact/png.ts'
import type { FindHandsSettings } from '../config/hands.ts'
import { intersectionOverSmaller, intersectionOverUnion } from './box-overlap.ts'
import { type Crop, fromCrop } from './crop.ts'
import type { Box } from './hand.ts'
import { type Detection, detectorSide, type HandModels } from './hand-models.ts'
import { type Pyramid, readCrop } from './pyramid.ts'

/** Boxes of one hand: what shares this much of its area with a better box is the same hand. */
const [sameUnion, sameSmaller] = [0.3, 0.7]
/** The detector overlooks hands that fill the picture; from this much further away they do not. */
const standBack = 1.6
/** Share of a tile beyond which a box is left to larger tiles: close up, the detector takes faces and arms for hands. */
const largestInTile = 0.5
/** Neighbouring tiles share this much, so that a hand of a quarter of a tile is whole in one of them. */
const tileOverlap = 0.25
/** Tiles of fewer pixels would be blown up more than fourfold. */
const smallestTile = detectorSide / 4
/** A box that ends within this share of a tile's inner edge may be part of a hand. */
const edgeShare = 0.02

/** Boxes of all hands in a picture, in its pixels, the most certain first. */
export async function detectHands(
  pyramid: Pyramid,
  models: HandModels,
  { confidence, zoom }: FindHandsSettings,
): Promise<Detection[]> {
  const { width, height } = pyramid[0] as RgbImage
  const found: Detection[] = []
  for (const tile of tilesOf(width, height, zoom)) {
    const isPart = tile.side < Math.max(width, height)
    for (const { box, score } of await models.detect(readCrop(pyramid, tile, detectorSide))) {
      if (score < confidence) break
      if (isPart && Math.max(box.width, box.height) > largestInTile) continue
      if (!isCutOff(box, tile, width, height)) found.push({ box: placeBox(box, tile), score })
    }
  }
  return suppress(found)
}

/** The picture as one square, the same from further away, then tiles of half of its longer side, of a quarter, and so on. */
export function tilesOf(width: number, height: number, zoom: number): Crop[] {
  const longer = Math.max(width, height)
  const whole = { centreX: width / 2, centreY: height / 2, side: longer, angle: 0 }
  const tiles: Crop[] = [whole, { ...whole, side: standBack * longer }]
  for (let level = 1; level <= zoom; level++) {
    const side = longer / 2 ** level
    if (side < smallestTile) break
    for (const centreY of centresAlong(height, side)) {
      for (const centreX of centresAlong(width, side)) tiles.push({ centreX, centreY, side, angle: 0 })
    }
  }
  return tiles
}

function centresAlong(length: number, side: number): number[] {
  if (length <= side) return [length / 2]
  const count = Math.ceil((length - side) / (side * (1 - tileOverlap))) + 1
  return Array.from({ length: count }, (_, i) => side / 2 + (i * (length - side)) / (count - 1))
}

function placeBox(box: Box, tile: Crop): Box {
  const [left, top] = fromCrop(tile, box.left, box.top)
  return { left, top, width: box.width * tile.side, height: box.height * tile.side }
}

/** Whether a box ends where its tile does and the picture does not. */
function isCutOff({ left, top, width, height }: Box, tile: Crop, pictureWidth: number, pictureHeight: number): boolean {
  const [tileLeft, tileTop] = fromCrop(tile, 0, 0)
  const [tileRight, tileBottom] = fromCrop(tile, 1, 1)
  return (
    (left < edgeShare && tileLeft > 0) ||
    (top < edgeShare && tileTop > 0) ||
    (left + width > 1 - edgeShare && tileRight < pictureWidth) ||
    (top + height > 1 - edgeShare && tileBottom < pictureHeight)
  )
}

/** Greedy non-maximum suppression. */
function suppress(detections: readonly Detection[]): Detection[] {
  const kept: Detection[] = []
  for (const detection of [...detections].sort((a, b) => b.score - a.score)) {
    const known = kept.some(
      ({ box }) =>
        intersectionOverUnion(box, detection.box) > sameUnion ||
        intersectionOverSmaller(box, detection.box) > sameSmaller,
    )
    if (!known) kept.push(detection)
  }
  return kept
}
