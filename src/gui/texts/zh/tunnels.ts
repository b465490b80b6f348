import type { TUNNELS_EN } from '../en/tunnels.ts'

/** What the page says of tunnels, in Chinese. */
export const TUNNELS_ZH: Readonly<Record<keyof typeof TUNNELS_EN, string>> = {
  'tunnel.closeAsk': '关闭 {name}？现有连接将中断。',
  'tunnel.connections': '连接数',
  'tunnel.endpoint': '端点',
  'tunnel.exit': '通往',
  'tunnel.in': '本机打开的端口',
  'tunnel.inNone': '本机没有打开端口。',
  'tunnel.listen': '本地端口',
  'tunnel.name': '名称',
  'tunnel.new': '新建隧道',
  'tunnel.newHelp': '本机的一个端口通往您的某个端点能够到达的端口。',
  'tunnel.open': '打开',
  'tunnel.out': '他人可到达的目标',
  'tunnel.outNone': '本机没有提供任何目标。',
  'tunnel.target': '对端端口，或 主机:端口',
  'tunnel.traffic': '发送 / 接收',
  'tunnels.title': '隧道',
}
