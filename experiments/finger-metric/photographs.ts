import { copyFile, readdir } from 'node:fs/promises'
import path from 'node:path'

/** A photograph of one hand that shows 0 to 5 fingers. */
export interface HandPhotograph {
  readonly file: string
  readonly fingers: number
  /** People in the order of the camera's counter. */
  readonly person: number
}

/**
 * Photographs of the Sign-Language-Digits-Dataset. Its names carry no person, but each person was asked for 0 to 9 in
 * turn, so along the camera's counter a new person begins where the digit falls by half of that or more; a smaller fall
 * is one person's digits out of turn. Every person found so has 9 to 15 photographs.
 */
export async function readPhotographs(folder: string): Promise<HandPhotograph[]> {
  const shots: { file: string; digit: number; counter: number }[] = []
  for (let digit = 0; digit <= 9; digit++) {
    for (const name of await readdir(path.join(folder, String(digit)))) {
      const counter = name.match(/^IMG_(\d+)\.jpe?g$/i)?.[1]
      if (counter !== undefined)
        shots.push({ file: path.join(folder, String(digit), name), digit, counter: Number(counter) })
    }
  }
  shots.sort((a, b) => a.counter - b.counter)
  let person = 0
  return shots
    .map((shot, i) => {
      if (i > 0 && shots[i - 1]!.digit - shot.digit >= digitFall) person++
      return { file: shot.file, fingers: shot.digit, person }
    })
    .filter(({ fingers }) => fingers <= 5)
}

const digitFall = 5

/** One person in so many is held out. */
export const heldOutEvery = 4

/**
 * Copies photographs beside rendered hands and gives their metadata rows. All hands in them are sound, so they say
 * nothing of defects: taught that they have none, a classifier would learn that what looks like a photograph is sound.
 */
export async function copyPhotographs(photographs: readonly HandPhotograph[], folder: string): Promise<object[]> {
  return Promise.all(
    photographs.map(async ({ file, fingers, person }) => {
      const name = `photograph-${person}-${path.basename(file)}`
      await copyFile(file, path.join(folder, name))
      return { file_name: name, text: 'a photo of a hand', fingers, defect: null, kind: 'photograph' }
    }),
  )
}
