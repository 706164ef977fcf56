#include "common/wire/json_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <map>
#include <set>
#include <unordered_map>

#include "common/wire/json.h"

namespace fletbridge::wire::json_names {
namespace {

constexpr std::int8_t kDateExt = 1;
constexpr std::int8_t kTimeExt = 2;

// Names of properties that have more than one word (flet/core of 0.28.3).
constexpr std::string_view kProperties =
    "above_line above_line_bgcolor above_line_cutoff_y above_line_gradient "
    "action_button_padding action_color action_overflow_threshold actions_alignment "
    "actions_overflow_button_spacing actions_padding active_color active_thumb_image "
    "active_track_color additional_info additional_options align_label_with_hint "
    "allow_empty_selection allow_multiple allow_multiple_selection allowed_devices "
    "allowed_extensions always_call_on_tap always_on_bottom always_on_top "
    "animate_cursor_opacity animate_offset animate_opacity animate_position animate_rotation "
    "animate_scale animate_size animation_curve animation_duration animation_style anti_alias "
    "app_startup_screen_message apply_text_scaling art_board aspect_ratio audio_encoder "
    "auto_follow_links auto_follow_links_target auto_gain auto_play auto_scroll "
    "auto_scroller_velocity_scalar autofill_hints automatic_background_visibility "
    "automatically_imply_leading automatically_imply_middle automatically_imply_title "
    "background_filter_blur background_image_src background_loading badge_label badge_position "
    "bar_bgcolor bar_border_side bar_elevation bar_height bar_hint_text bar_hint_text_style "
    "bar_leading bar_overlay_color bar_padding bar_scroll_padding bar_shadow_color bar_shape "
    "bar_surface_tint_color bar_text_style bar_trailing barrier_color bars_space baseline_x "
    "baseline_y below_line below_line_bgcolor below_line_cutoff_y below_line_gradient bg_color "
    "bg_from_y bg_gradient bg_to_y bgcolor_activated bit_rate blend_mode border_color "
    "border_radius border_side border_stroke_width border_width boundary_margin "
    "build_controls_on_demand cache_extent cache_height cache_width can_pop can_request_focus "
    "can_reveal_password can_tap_header cancel_echo cancel_text center_space_color "
    "center_space_radius center_title check_color checkbox_horizontal_margin "
    "child_aspect_ratio clear_button_semantics_label clear_button_visibility_mode click_color "
    "click_elevation client_ip client_user_agent clip_behavior close_icon_color close_on_click "
    "code_style_sheet code_theme collapsed_bg_color collapsed_icon_color collapsed_shape "
    "collapsed_text_color color_blend_mode color_filter colors_stop column_spacing "
    "confirm_text content_feedback content_padding content_text_style content_when_dragging "
    "controls_padding counter_style counter_text cross_axis_alignment cross_axis_end_offset "
    "culling_margin current_date current_value_length cursor_color cursor_error_color "
    "cursor_height cursor_radius cursor_width dark_theme dash_pattern data_row_color "
    "data_row_max_height data_row_min_height data_text_style date_order date_picker_entry_mode "
    "date_picker_mode decreased_value default_selection_overlay_bgcolor delete_button_tooltip "
    "delete_drawer_animation_style delete_icon delete_icon_color delete_icon_size_constraints "
    "dialog_title diameter_ratio disable_holes_border disabled_bgcolor disabled_color "
    "disabled_elevation disabled_text_color dismiss_direction dismiss_thresholds "
    "dispose_action divider_color divider_height divider_thickness drag_interval "
    "draw_labels_last elevation_on_scroll enable_animation_style enable_anti_aliasing "
    "enable_drag enable_feedback enable_filter enable_haptic_feedback "
    "enable_ime_personalized_learning enable_interactive_selection enable_javascript "
    "enable_retina_mode enable_scribble enable_search enable_suggestions enable_tms end_value "
    "error_content error_format_text error_image_src error_invalid_text error_max_lines "
    "error_style error_text evict_error_tile_strategy exclude_from_semantics "
    "exclude_header_semantics exclude_semantics expand_insets expand_loose expanded_alignment "
    "expanded_header_padding expanded_icon_color extension_set factory_id fallback_height "
    "fallback_url fallback_width field_hint_text field_label_text file_name file_type "
    "fill_color filter_quality first_date first_item_prototype fit_content fit_parent_size "
    "floating_action_button_location focus_color focus_elevation focus_on_hover "
    "focused_bgcolor focused_border_color focused_border_width focused_color font_family "
    "force_actions_below force_material_transparency foreground_color foreground_decoration "
    "foreground_image_src from_y full_screen fullscreen_dialog gapless_playback "
    "gradient_colors group_alignment group_vertically groups_space heading_level "
    "heading_row_alignment heading_row_color heading_row_height heading_text_style help_text "
    "helper_max_lines helper_style helper_text highlight_color highlight_elevation "
    "hint_fade_duration hint_max_lines hint_style hint_text horizontal_alignment "
    "horizontal_grid_lines horizontal_lines horizontal_margin horizontal_spacing "
    "hour_label_text hover_color hover_elevation hover_interval icon_color icon_margin "
    "icon_padding icon_size ignore_interactions ignore_mouse_events ignore_pointers "
    "inactive_color inactive_thumb_color inactive_thumb_image inactive_track_color "
    "increased_value indicator_border_radius indicator_border_side indicator_color "
    "indicator_padding indicator_shape indicator_tab_size indicator_thickness initial_center "
    "initial_directory initial_rotation initial_zoom initially_expanded ink_color input_filter "
    "inset_animation inset_padding interaction_configuration "
    "interaction_end_friction_coefficient interaction_update_interval is_default_action "
    "is_destructive_action is_error is_scroll_controlled is_secondary is_semantic_container "
    "is_three_line item_extent item_height keep_alive keep_buffer keyboard_brightness "
    "keyboard_type label_behavior label_color label_content label_padding label_position "
    "label_style label_text_style label_type labels_interval labels_size last_date "
    "leading_and_trailing_text_style leading_drawer_animation_style leading_icon "
    "leading_indent leading_padding leading_size leading_size_constraints leading_to_title "
    "leading_width live_region locale_configuration location_settings "
    "maintain_bottom_view_insets_padding maintain_bottom_view_padding maintain_state "
    "max_extent max_height max_length max_lines max_menu_height max_native_zoom max_radius "
    "max_scale max_simultaneous_drags max_value_length max_width max_x max_y max_year max_zoom "
    "md_style_sheet menu_height menu_padding menu_position menu_style menu_width "
    "min_action_bar_height min_extended_width min_height min_hittable_radius min_leading_width "
    "min_lines min_native_zoom min_radius min_scale min_size min_tile_height "
    "min_vertical_padding min_width min_x min_y min_year min_zoom minimum_padding "
    "minimum_shake_count minute_interval minute_label_text mouse_cursor movement_duration "
    "multi_tap_touches no_wrap notch_margin obscuring_character off_axis_fraction "
    "off_label_color on_animation_end on_change on_chart_event on_click on_close on_completed "
    "on_confirm_dismiss on_confirm_pop on_copy on_cut on_decrease on_delete "
    "on_did_gain_accessibility_focus on_did_lose_accessibility_focus on_dismiss on_double_tap "
    "on_double_tap_down on_enter on_enter_fullscreen on_error on_event on_exit "
    "on_exit_fullscreen on_horizontal_drag_end on_horizontal_drag_start "
    "on_horizontal_drag_update on_hover on_increase on_init on_keyboard_event on_label_color "
    "on_loaded on_long_press on_long_press_end on_long_press_hint_text on_long_press_start "
    "on_move_cursor_backward_by_character on_move_cursor_forward_by_character "
    "on_multi_long_press on_multi_tap on_open on_pan_end on_pan_start on_pan_update on_paste "
    "on_pointer_cancel on_pointer_down on_pointer_up on_position_change on_position_changed "
    "on_resize on_scale_end on_scale_start on_scale_update on_scroll on_scroll_down "
    "on_scroll_interval on_scroll_left on_scroll_right on_scroll_up "
    "on_secondary_long_press_end on_secondary_long_press_start on_secondary_tap "
    "on_secondary_tap_down on_secondary_tap_up on_select on_select_all on_select_changed "
    "on_sort on_submit on_tap on_tap_cancel on_tap_down on_tap_hint_text on_tap_outside "
    "on_tap_outside_bar on_tap_up on_track_changed on_update on_vertical_drag_end "
    "on_vertical_drag_start on_vertical_drag_update opacity_on_click optical_size "
    "options_fill_horizontally overflow_axis overlay_color pan_buffer pan_enabled "
    "pause_upon_entering_background_mode permanent_height placeholder_style placeholder_text "
    "platform_brightness playback_rate playlist_mode point_line_end point_line_start "
    "point_mode polygon_culling polygon_labels popup_animation_style popup_bgcolor "
    "popup_border_radius popup_initial_display_duration prefix_icon "
    "prefix_icon_size_constraints prefix_style prefix_text prefix_visibility_mode "
    "prepend_copyright prevent_close prevent_curve_over_shooting "
    "prevent_curve_over_shooting_threshold prevent_link previous_page_title progress_bar "
    "proportional_width read_only reconnect_interval_ms reconnect_timeout_ms release_mode "
    "resize_duration resize_interval resume_upon_entering_foreground_mode reverse_duration "
    "rotate_label run_alignment run_spacing runs_count sample_rate scale_enabled scale_factor "
    "scroll_padding second_interval secondary_active_color secondary_background "
    "secondary_track_value sections_space select_animation_style select_icon "
    "select_icon_disabled_color select_icon_enabled_color select_icon_size selected_below_line "
    "selected_color selected_icon selected_icon_color selected_index selected_label_text_style "
    "selected_point selected_shadow_color selected_tile_color selected_trailing_icon "
    "selection_color selection_cursor_color selection_cursor_height selection_cursor_width "
    "selection_overlay semantic_child_count semantic_label semantics_label semantics_value "
    "set_text shadow_color shake_count_reset_time_ms shake_slop_time_ms "
    "shake_threshold_gravity shift_enter show_above_line show_app_startup_screen "
    "show_below_line show_border_on_foreground show_bottom_border show_checkbox_column "
    "show_checkmark show_close_icon show_controls show_cursor show_default_drag_handles "
    "show_drag_handle show_edit_icon show_flutter_map_attribution show_labels "
    "show_selected_icon show_selection_cursor show_semantics_debugger show_tooltip "
    "show_trailing_icon shrink_wrap shuffle_playlist simplification_tolerance size_constraints "
    "skip_task_bar smart_dashes_type smart_quotes_type soft_line_break sort_ascending "
    "sort_column_index spell_out splash_color splash_radius start_angle start_degree_offset "
    "start_value stop_indicator_color stop_indicator_radius stroke_align stroke_cap "
    "stroke_cap_round stroke_join stroke_pattern stroke_width strut_style "
    "subtitle_configuration subtitle_text_style suffix_icon suffix_icon_size_constraints "
    "suffix_style suffix_text suffix_visibility_mode suggestions_max_height suppress_noise "
    "surface_tint_color sweep_angle switch_in_curve switch_out_curve "
    "switch_to_calendar_entry_mode_icon switch_to_input_entry_mode_icon tab_alignment "
    "tab_content template_style text_align text_color text_size text_style text_vertical_align "
    "theme_mode theme_style thumb_color thumb_icon tile_bounds tile_padding tile_size "
    "time_picker_entry_mode title_alignment title_bar_buttons_hidden title_bar_hidden "
    "title_padding title_position title_size title_spacing title_style title_text_style to_y "
    "toggle_inputs toolbar_height toolbar_opacity toolbar_text_style tooltip_align "
    "tooltip_bgcolor tooltip_border_side tooltip_direction tooltip_fit_inside_horizontally "
    "tooltip_fit_inside_vertically tooltip_margin tooltip_max_content_width tooltip_padding "
    "tooltip_rotate_angle tooltip_rounded_radius tooltip_show_on_top_of_chart_box_area "
    "tooltip_style track_color track_gap track_outline_color track_outline_width "
    "trackpad_scroll_causes_scale trailing_icon trailing_indent transition_between_routes "
    "transparent_occluder unit_id unselected_color unselected_label_color "
    "unselected_label_text_style url_target url_template use_alternative_rendering "
    "use_art_board_size use_center use_checkmark_style use_magnifier use_radius_in_meter "
    "use_safe_area use_stroke_width_in_meter vertical_alignment vertical_grid_lines "
    "vertical_lines view_bgcolor view_elevation view_header_height view_header_text_style "
    "view_hint_text view_hint_text_style view_leading view_shape view_side "
    "view_size_constraints view_surface_tint_color view_trailing visual_density "
    "wait_until_ready_to_show zoom_offset zoom_reverse";

constexpr std::string_view kTypes =
    "AlertDialog AnimatedSwitcher AppBar Arc Audio AudioRecorder AutoComplete AutofillGroup "
    "Axis Banner BarChart BottomAppBar BottomSheet Canvas Card Checkbox Chip Circle "
    "CircleAvatar Color Column Container CupertinoActionSheet CupertinoActionSheetAction "
    "CupertinoActivityIndicator CupertinoAlertDialog CupertinoAppBar CupertinoBottomSheet "
    "CupertinoButton CupertinoCheckbox CupertinoContextMenu CupertinoContextMenuAction "
    "CupertinoDatePicker CupertinoDialogAction CupertinoListTile CupertinoNavigationBar "
    "CupertinoPicker CupertinoRadio CupertinoSegmentedButton CupertinoSlider "
    "CupertinoSlidingSegmentedButton CupertinoSwitch CupertinoTextField CupertinoTimerPicker "
    "DataCell DataColumn DataRow DataTable DatePicker Dismissible Divider DragTarget Draggable "
    "Dropdown DropdownM2 DropdownOption ElevatedButton ExpansionPanel ExpansionPanelList "
    "ExpansionTile FilePicker Fill FilledButton FilledTonalButton Flashlight FletApp "
    "FloatingActionButton Geolocator GestureDetector GridView HapticFeedback Icon IconButton "
    "Image InteractiveViewer Item Line LineChart ListTile ListView Lottie Map Markdown MenuBar "
    "MenuItemButton MergeSemantics NavigationBar NavigationBarDestination NavigationDrawer "
    "NavigationDrawerDestination NavigationRail NavigationRailDestination Offstage "
    "OutlinedButton Oval Page Pagelet Path PieChart Placeholder Points PopupMenuButton "
    "PopupMenuItem ProgressBar ProgressRing Radio RadioGroup RangeSlider Rect "
    "ReorderableDraggable ReorderableListView ResponsiveRow Rive Row SafeArea SearchBar "
    "Segment SegmentedButton SelectionArea Semantics SemanticsService ShaderMask Shadow "
    "ShakeDetector Slider SnackBar Stack SubmenuButton Switch Tab Tabs Text TextButton "
    "TextField TextSpan TimePicker TransparentPointer VerticalDivider Video View WebView";

std::string Small(std::string_view name) {
  std::string small;
  for (const char c : name) {
    if (c != '_') small += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return small;
}

std::unordered_map<std::string, std::string> BySmall(std::string_view names) {
  std::unordered_map<std::string, std::string> table;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(' '));
    table.emplace(Small(name), name);
    names.remove_prefix(std::min(name.size() + 1, names.size()));
  }
  return table;
}

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What is text whatever it looks like.
bool IsText(std::string_view type, std::string_view property) {
  if (property == "value") {
    return !IsOneOf(type,
                    {"checkbox", "cupertinocheckbox", "switch", "cupertinoswitch", "slider",
                     "cupertinoslider", "progressbar", "progressring", "cupertinotimerpicker"});
  }
  return property.ends_with("text") || property.ends_with("label") || property.ends_with("title") ||
         property.ends_with("message") || property.ends_with("name") || property.ends_with("url") ||
         property.ends_with("src") ||
         IsOneOf(property, {"content", "subtitle", "route", "key", "icon", "src_base64", "data",
                            "group", "font_family", "code_theme", "obscuring_character"});
}

std::optional<std::int8_t> MomentOf(std::string_view type, std::string_view property) {
  if (type == "timepicker" && property == "value") return kTimeExt;
  if ((type == "datepicker" || type == "cupertinodatepicker") &&
      IsOneOf(property, {"value", "first_date", "last_date", "current_date"}))
    return kDateExt;
  return std::nullopt;
}

// Flet of generation 1 has no time zones: a moment in UTC as a person at this machine means it.
std::string LocalMoment(const std::string& text) {
  if (!text.ends_with("+00:00")) return text;
  std::tm moment{};
  if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &moment) == nullptr) return text;
  const std::time_t at = ::timegm(&moment);
  ::localtime_r(&at, &moment);
  std::array<char, 40> local;
  local[std::strftime(local.data(), local.size(), "%Y-%m-%dT%H:%M:%S.000", &moment)] = 0;
  return local.data();
}

// Later generations leave out what is not set: {"padding": {}, "side": {}} is nothing.
bool PruneEmpty(Value& value) {
  Map* map = value.AsMap();
  if (map == nullptr) return false;
  std::vector<Value> empty;
  for (auto& [key, below] : map->entries) {
    if (PruneEmpty(below)) empty.push_back(key);
  }
  for (const Value& key : empty) static_cast<void>(map->Remove(key));
  return map->entries.empty();
}

template <class N>
std::optional<N> Number(const std::string& text) {
  N number{};
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::int64_t> IdOf(std::string_view id) {
  if (id == "page") return 1;
  if (id.size() < 2 || id.size() > 18 || id[0] != '_' || id[1] == '0') return std::nullopt;
  std::int64_t number = 0;
  const char* end = id.data() + id.size();
  const auto read = std::from_chars(id.data() + 1, end, number);
  if (read.ec != std::errc() || read.ptr != end || number <= 0) return std::nullopt;
  return number + kFirstId;
}

std::string TextOfId(std::int64_t id) {
  return id <= kFirstId ? "page" : "_" + std::to_string(id - kFirstId);
}

std::string TypeOf(std::string_view type) {
  static const auto kTable = BySmall(kTypes);
  if (type == "elevatedbutton") return "Button";  // what it has become since
  if (type == "offstage") return "Overlay";
  if (const auto known = kTable.find(std::string(type)); known != kTable.end())
    return known->second;
  std::string name(type);
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z')
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

std::string PropertyOf(std::string_view property) {
  static const auto kTable = BySmall(kProperties);
  const auto known = kTable.find(std::string(property));
  return known == kTable.end() ? std::string(property) : known->second;
}

std::string TextOfProperty(std::string_view property) { return Small(property); }

Value ValueOf(std::string_view type, std::string_view property, const std::string& text) {
  if (const auto moment = MomentOf(type, property)) return Value(Ext{*moment, text});
  const bool json = !text.empty() && (text[0] == '{' || text[0] == '[');
  if (property == "tooltip" || (json && !IsText(type, property))) {
    Result<Value> read = FromJson(text);
    if (!read) return text;
    return PruneEmpty(*read) ? Value() : std::move(*read);
  }
  if (IsText(type, property)) return text;
  if (text == "true" || text == "false") return text == "true";
  if (const auto number = Number<std::int64_t>(text)) return *number;
  if (!text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) {
    if (const auto number = Number<double>(text)) return *number;
  }
  if (!text.empty() && text[0] == '"') {
    Result<Value> read = FromJson(text);
    if (read) return std::move(*read);
  }
  return text;
}

std::string TextOf(const Value& value) {
  if (value.is_nil()) return {};
  if (const std::string* text = value.AsText()) return *text;
  if (const auto* ext = std::get_if<std::shared_ptr<Ext>>(&value.content()))
    return (*ext)->type == kDateExt ? LocalMoment((*ext)->data) : (*ext)->data;
  return ToJson(value);
}

const std::vector<std::string>& EventsOf(std::string_view type) {
  using Names = std::vector<std::string>;
  static const Names kNone;
  static const std::map<std::string, Names, std::less<>> kTable = [] {
    std::map<std::string, Names, std::less<>> table;
    for (const char* one :
         {"elevatedbutton", "outlinedbutton", "textbutton", "filledbutton", "filledtonalbutton",
          "iconbutton", "floatingactionbutton", "cupertinobutton", "cupertinofilledbutton",
          "cupertinodialogaction", "cupertinoactionsheetaction", "cupertinocontextmenuaction",
          "popupmenuitem"})
      table[one] = {"on_click"};
    for (const char* one :
         {"checkbox", "cupertinocheckbox", "switch", "cupertinoswitch", "radiogroup", "dropdown",
          "dropdownm2", "tabs", "navigationbar", "cupertinonavigationbar", "navigationrail",
          "cupertinopicker", "cupertinodatepicker", "cupertinotimerpicker",
          "cupertinosegmentedbutton", "cupertinoslidingsegmentedbutton"})
      table[one] = {"on_change"};
    for (const char* one : {"slider", "cupertinoslider", "rangeslider"})
      table[one] = {"on_change", "on_change_start", "on_change_end"};
    for (const char* one :
         {"alertdialog", "cupertinoalertdialog", "bottomsheet", "cupertinobottomsheet", "snackbar"})
      table[one] = {"on_dismiss"};
    for (const char* one : {"datepicker", "timepicker", "navigationdrawer"})
      table[one] = {"on_change", "on_dismiss"};
    for (const char* one : {"textfield", "cupertinotextfield"}) table[one] = {"on_submit"};
    table["filepicker"] = {"on_result"};
    return table;
  }();
  const auto known = kTable.find(type);
  return known == kTable.end() ? kNone : known->second;
}

Slot SlotOf(std::string_view parent, std::string_view child, std::string_view name) {
  // By the name that the parent has given it.
  if (name == "action") return {"actions"};
  if (name == "segment") return {"segments"};
  if (name == "expansionpanel" || name == "controls") return {"controls"};
  if (name == "barTrailing") return {"bar_trailing"};
  if (name == "viewTrailing") return {"view_trailing"};
  if (name == "fab") return {"floating_action_button", false};
  if (name == "drawer_start") return {"drawer", false};
  if (name == "drawer_end" || name == "enddrawer") return {"end_drawer", false};
  if (name == "navigationbar") return {"navigation_bar", false};
  if (name == "bottomappbar") return {"bottom_appbar", false};
  if (name == "bottomsheet") return {"bottom_sheet", false};
  if (name == "error") return {"error_content", false};
  if (name == "l" && parent == "axis") return {"labels"};
  if (!name.empty()) {
    if (name.find('_') != std::string_view::npos) return {std::string(name), false};
    return {PropertyOf(Small(name)), false};
  }
  // By what the two are.
  if (parent == "page" && child == "offstage") return {"_overlay", false};
  if (parent == "page") return {"views"};
  if (parent == "view") {
    if (child == "appbar" || child == "cupertinoappbar") return {"appbar", false};
    if (child == "bottomappbar") return {"bottom_appbar", false};
    if (child == "navigationbar" || child == "cupertinonavigationbar")
      return {"navigation_bar", false};
  }
  if (child == "datacolumn") return {"columns"};
  if (child == "datarow") return {"rows"};
  if (parent == "datarow") return {"cells"};
  if (parent == "datacell") return {"content", false};
  if (child == "dropdownoption") return {"options"};
  if (child == "tab") return {"tabs"};
  if (child.ends_with("destination") && parent != "navigationdrawer") return {"destinations"};
  if (child == "popupmenuitem") return {"items"};
  if (child == "textspan") return {"spans"};
  if (parent == "canvas") return {"shapes"};
  return {"controls"};
}

bool IsDialog(std::string_view type) {
  return IsOneOf(type, {"alertdialog", "cupertinoalertdialog", "bottomsheet",
                        "cupertinobottomsheet", "cupertinoactionsheet", "snackbar", "banner",
                        "datepicker", "timepicker", "navigationdrawer"});
}

}  // namespace fletbridge::wire::json_names
