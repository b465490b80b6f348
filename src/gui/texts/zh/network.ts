import type { NETWORK_EN } from '../en/network.ts'

/** What the pages about the network say, in Chinese. */
export const NETWORK_ZH: Readonly<Record<keyof typeof NETWORK_EN, string>> = {
  'endpoints.count': '{count} 个端点中 {online} 个在线',
  'endpoints.by': '分组',
  'endpoints.by.none': '不分组',
  'endpoints.by.user': '用户',
  'endpoints.by.label': '标签',
  'endpoints.by.state': '状态',
  'endpoints.groups': '端点分组',
  'endpoints.unlabelled': '没有标签',
  'endpoints.remove': '取消筛选“{filter}”',
}
