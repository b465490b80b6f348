import type { TextKey } from './en.ts'
import { APPS_ZH } from './zh/apps.ts'
import { CONTROLLER_ZH } from './zh/controller.ts'
import { FILES_ZH } from './zh/files.ts'
import { MESH_ZH } from './zh/mesh.ts'
import { NETWORK_ZH } from './zh/network.ts'
import { PROXY_ZH } from './zh/proxy.ts'
import { SCRIPT_ZH } from './zh/script.ts'
import { START_ZH } from './zh/start.ts'
import { TERMINAL_ZH } from './zh/terminal.ts'
import { TUNNELS_ZH } from './zh/tunnels.ts'

/** Every text of the page, in Chinese. */
export const ZH: Readonly<Record<TextKey, string>> = {
  ...APPS_ZH,
  ...CONTROLLER_ZH,
  ...FILES_ZH,
  ...MESH_ZH,
  ...NETWORK_ZH,
  ...PROXY_ZH,
  ...SCRIPT_ZH,
  ...START_ZH,
  ...TERMINAL_ZH,
  ...TUNNELS_ZH,
}
