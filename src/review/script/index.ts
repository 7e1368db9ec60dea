import { decisionsScript } from './decisions.ts'
import { listScript } from './list.ts'
import { oneScript } from './one.ts'
import { requestsScript } from './requests.ts'
import { sheetScript } from './sheet.ts'

/** The page's only script. */
export const reviewScript = [requestsScript, listScript, oneScript, sheetScript, decisionsScript].join('')
