import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLab } from '../../src/index.ts'
import { openTestLab } from '../../src/testing/index.ts'
import { endpointVariable } from '../../src/testing/shared-worker.ts'

test('a second lab on one folder waits until the first is closed, and stops waiting when told', async () => {
  const first = await openTestLab()
  const attach = process.env[endpointVariable]
  const options = { folder: join(first.folder, 'shared'), ...(attach && { attach }) }
  const holder = await openLab(options)
  await expect(openLab(options)).rejects.toMatchObject({
    code: 'lab-in-use',
    message: expect.stringContaining('wait: true'),
  })
  const controller = new AbortController()
  const told: string[] = []
  const onProgress = ({ type, text }: { type: string; text: string }) => type === 'folder-wait' && told.push(text)
  const given = openLab({ ...options, wait: true, signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  const waiting = openLab({ ...options, wait: true, onProgress })
  await expect.poll(() => told.length).toBe(1)
  expect(told[0]).toContain(`process ${process.pid}`)
  await holder.close()
  const second = await waiting
  expect(second.folder).toBe(options.folder)
  await second.close()
  await first.close()
})
