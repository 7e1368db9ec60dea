export { type FindHands, findHands } from './find-hands.ts'
export type { Box, DoubtfulHand, FoundHands, Hand, Landmark } from './hand.ts'
