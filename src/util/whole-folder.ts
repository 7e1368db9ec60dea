import { mkdir, rename, rm } from 'node:fs/promises'

/**
 * Fills a folder that takes its name when it is whole. Until then it is called `<folder>.partial`; what a killed process
 * left there is removed first, and what a failed one made is removed at once. Rejects with what `fill` and the file
 * system reject with; a folder of this name that holds something makes the last step fail.
 */
export async function wholeFolder(folder: string, fill: (partial: string) => Promise<void>): Promise<void> {
  const partial = `${folder}.partial`
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    await fill(partial)
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined)
    throw error
  }
}
