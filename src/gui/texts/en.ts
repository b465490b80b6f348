import { APPS_EN } from './en/apps.ts'
import { CONTROLLER_EN } from './en/controller.ts'
import { FILES_EN } from './en/files.ts'
import { MESH_EN } from './en/mesh.ts'
import { NETWORK_EN } from './en/network.ts'
import { PROXY_EN } from './en/proxy.ts'
import { SCRIPT_EN } from './en/script.ts'
import { START_EN } from './en/start.ts'
import { TERMINAL_EN } from './en/terminal.ts'
import { TUNNELS_EN } from './en/tunnels.ts'

/** Every text of the page, in English. What stands in braces is filled in. */
export const EN = {
  ...APPS_EN,
  ...CONTROLLER_EN,
  ...FILES_EN,
  ...MESH_EN,
  ...NETWORK_EN,
  ...PROXY_EN,
  ...SCRIPT_EN,
  ...START_EN,
  ...TERMINAL_EN,
  ...TUNNELS_EN,
} as const

/** A text of the page. */
export type TextKey = keyof typeof EN
