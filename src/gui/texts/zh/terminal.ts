import type { TERMINAL_EN } from '../en/terminal.ts'

/** What the page says of terminals, in Chinese. */
export const TERMINAL_ZH: Readonly<Record<keyof typeof TERMINAL_EN, string>> = {
  'terminal.attach': '接入',
  'terminal.command': '程序',
  'terminal.leave': '离开（保持运行）',
  'terminal.lost': '连接中断，正在重新打开 …',
  'terminal.none': '那里没有打开的会话。',
  'terminal.open': '打开终端',
  'terminal.over': '已结束：{how}',
  'terminal.screen': '终端',
  'terminal.session': '会话',
  'terminal.sessions': '会话列表',
  'terminal.started': '开始于',
  'terminal.title': '终端',
}
