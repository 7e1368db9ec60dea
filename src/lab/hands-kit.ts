import type { HandsDetail } from '../config/hands-detail.ts'
import type { DetailKit } from '../repair/index.ts'
export function handsKit(_d: HandsDetail, _c: (files: readonly string[]) => unknown): DetailKit {
  throw new Error('x')
}
