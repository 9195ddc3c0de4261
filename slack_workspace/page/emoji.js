// The emoji by name that the bot uses; others are shown as they were typed.

export const EMOJI = {
  alarm_clock: "⏰", arrow_forward: "▶️", arrow_right: "➡️", arrows_counterclockwise: "🔄",
  black_square_for_stop: "⏹️", broom: "🧹", calendar: "📅", checkered_flag: "🏁", construction: "🚧", crescent_moon: "🌙",
  floppy_disk: "💾", ghost: "👻", globe_with_meridians: "🌐",
  hammer_and_wrench: "🛠️", handshake: "🤝", hourglass: "⌛", hourglass_flowing_sand: "⏳", house: "🏠", inbox_tray: "📥",
  information_source: "ℹ️", key: "🔑", large_blue_circle: "🔵", large_green_circle: "🟢", large_yellow_circle: "🟡",
  leftwards_arrow_with_hook: "↩️", lock: "🔒", mag: "🔍", moon: "🌙", mute: "🔇", no_entry: "⛔", raised_hand: "✋", red_circle: "🔴",
  seedling: "🌱", sparkles: "✨",
  tada: "🎉", ticket: "🎫", truck: "🚚", warning: "⚠️", wastebasket: "🗑️", wave: "👋", white_check_mark: "✅", white_circle: "⚪",
  x: "❌", zap: "⚡", zzz: "💤",
};
