export type {
  DescribedPicture,
  Detail,
  DetailCrop,
  DetailKit,
  DrawnTemplate,
  Frame,
  Hypothesis,
  Verdict,
} from './detail.ts'
export { handsKit } from './hands-kit.ts'
export {
  type Attempt,
  countDecisions,
  type Decision,
  type DetailPictures,
  type DetailRecord,
  type PictureRecord,
  type PictureTrouble,
  type RepairCounts,
  type RepairedPicture,
} from './record.ts'
export type { RepaintRequest } from './repaint.ts'
export { repairPicture } from './repair-picture.ts'
export { pictureFiles, RepairWriter } from './write-repairs.ts'
