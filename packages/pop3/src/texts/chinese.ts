/**
 * The texts in Chinese, simplified characters (language tag zh).
 */
import type { Texts } from "./texts.ts";

/** Chinese. */
export const CHINESE: Texts = {
  greeting: (host) => `${host} 上的 mailhost POP3 服务器已就绪。`,
  shyGreeting: "就绪",
  signingOff: (host) => `${host} 上的 POP 服务器再见。`,
  lineTooLong: "命令行太长。",
  unknownCommand: (verb) => `未知命令:"${verb}"。`,
  tooFewArguments: (verb) => `${verb} 命令的参数太少。`,
  tooManyArguments: (verb) => `${verb} 命令的参数太多。`,
  capabilityList: "以下是功能列表",

  passwordRequired: (user) => `请输入 ${user} 的密码。`,
  sayUserFirst: "请先发送 USER 命令。",
  needsTls: "从本地网络以外发送密码必须使用 TLS/SSL:请连接 pop3s 端口",
  wrongPassword: (user) => `"${user}" 的密码不正确。`,
  mailboxOpen: (user, messages, octets) => `${user} 有 ${messages} 封可见邮件(0 封隐藏),共 ${octets} 字节。`,
  mailboxInUse: "邮箱正被占用!是否有另一个会话在使用?",
  mailboxLocked: "邮箱被另一个程序锁定,请重试。",
  mailboxBroken: "无法打开您的邮箱,请告知邮件管理员。",
  mailboxUnavailable: "暂时无法打开您的邮箱,请稍后再试。",

  listing: (messages, octets) => `${messages} 封可见邮件(${octets} 字节)`,
  uidListing: "已接受 uidl 命令。",
  lastSeen: (number) => `${number} 是最后读过的邮件。`,
  deleted: (number) => `邮件 ${number} 已删除。`,
  reset: (messages, octets) => `邮箱有 ${messages} 封邮件(${octets} 字节)`,
  noop: "没什么大不了的",
  octets: (octets) => `${octets} 字节`,
  topFollows: "以下是邮件内容",
  unknownLineCount: (word) => `无法识别的行数:${word}`,

  unknownMessageNumber: (word) => `无法识别的邮件编号:${word}`,
  unknownListArgument: (word) => `无法识别的 LIST 参数:${word}`,
  noSuchMessage: (number) => `邮件 ${number} 不存在。`,
  alreadyDeleted: (number) => `邮件 ${number} 已被删除。`,
  uidlNotANumber: (highest) => `参数必须是 1 到 ${highest} 之间的数字`,
  uidlOutOfRange: (number) => `邮件 ${number} 超出范围。`,
  uidlDeleted: (number) => `邮件 ${number} 已标记为删除。`,

  mailboxChanged: "邮箱已被另一个程序改动,请重新登录",
  mailboxUnreadable: "无法读取邮箱,请稍后再试",
  updateFailed: (user) => `更新 ${user} 的邮箱失败!没有删除任何邮件。`,
  tooManySessions: "会话太多,请稍后再试。",
  tooManySessionsFromYou: "来自您地址的会话太多,请稍后再试。",
};
