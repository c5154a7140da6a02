"""Targets and the labelled queries that should find them, written by hand.

A target is planted in an app of its own choice; everything around it uses the same everyday words, so
that only the whole of a query tells it. Every query names all targets that are right answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trackplane.plan.model import EventSpec, Property, Text


@dataclass(frozen=True, kw_only=True)
class Target:
    """A planted event."""

    name: str
    title: Text
    description: Text = ""
    owner: str = "team:platform"
    trigger: str = ""
    tags: tuple[str, ...] = ()
    grade: str = "P1"
    properties: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def spec(self, app: str) -> EventSpec:
        """Return the event as a plan of ``app`` has it."""
        return EventSpec(
            app=app,
            event=self.name,
            grade=self.grade,  # type: ignore[arg-type]
            owner=self.owner,
            title=self.title,
            description=self.description or None,
            trigger=self.trigger or None,
            tags=self.tags,
            properties={
                "what": {
                    name: Property(type=("string",), enum=values or None)
                    for name, values in self.properties.items()
                }
            },
        )


@dataclass(frozen=True)
class Query:
    """What is typed, of what kind it is, and which targets are right."""

    text: str
    kind: str
    right: tuple[str, ...]


TARGETS = [
    Target(name="invoice_reissue_requested", title={"en": "Reissue of an invoice requested", "zh": "申请重开发票"},
           description={"en": "A customer asks for a corrected tax invoice.", "zh": "用户申请更正并重新开具增值税发票"}, owner="team:tax-desk",
           properties={"reason": ("wrong_tax_number", "wrong_title")}),
    Target(name="PayButtonLongPress", title={"en": "Pay button pressed for long", "zh": "支付按钮长按"}, owner="person:mei.tanaka"),
    Target(name="fingerprint_unlock_failed", title={"en": "Unlocking by fingerprint failed", "zh": "指纹解锁失败"},
           properties={"sensor_error": ("lockout", "hw_unavailable", "vendor_1007")}),
    Target(name="cold_chain_temperature_alarm", title={"en": "Cold chain temperature alarm", "zh": "冷链温度告警"},
           description="The box left the allowed temperature range during delivery.", owner="team:cold-chain"),
    Target(name="grp_buy_leader_exempt", title="团长免单", description="拼团成功后团长订单免单，系统退回实付金额", owner="team:group-buying"),
    Target(name="sms_captcha_voice_fallback", title={"en": "Captcha read out by a phone call", "zh": "短信验证码改为语音播报"}),
    Target(name="karaoke_pitch_scored", title={"en": "Karaoke pitch scored", "zh": "唱歌音准打分"}, properties={"key_shift": ()}),
    Target(name="parental_lock_passed", title={"en": "Parental lock passed", "zh": "通过家长锁"}, tags=("minors",)),
    Target(name="qinglv_kongjian_bind", title="情侣空间绑定", description="两位用户互相确认后绑定情侣空间"),
    Target(name="carbon_offset_purchased", title={"en": "Carbon offset purchased", "zh": "购买碳抵消"}, owner="person:ingrid.solberg"),
    Target(name="table_reservation_no_show", title={"en": "Guest did not show up for a table", "zh": "订座未到店"},
           trigger="thirty minutes after the reserved time without arrival"),
    Target(name="subtitle_translation_reported", title={"en": "Wrong translation of a subtitle reported", "zh": "举报字幕翻译错误"}),
    Target(name="shake_to_feedback", title={"en": "Phone shaken to give feedback", "zh": "摇一摇反馈"}),
    Target(name="escrow_release_disputed", title={"en": "Release of escrow disputed", "zh": "担保金放款争议"}, grade="P0",
           properties={"dispute_ground": ("goods_damaged", "never_arrived", "counterfeit")}),
    Target(name="blind_box_pity_triggered", title="盲盒保底触发", description="连续未抽中隐藏款，触发保底机制", owner="team:blind-box"),
    Target(name="wheelchair_route_chosen", title={"en": "Step-free route chosen", "zh": "选择无障碍路线"}, tags=("accessibility",)),
    Target(name="prescription_photo_rejected", title={"en": "Photo of a prescription rejected", "zh": "处方照片被驳回"}, owner="team:pharmacy",
           properties={"reject_reason": ("blurred", "expired_prescription", "unreadable_stamp")}),
    Target(name="ktvRoomBooked", title="预订包厢", description="用户成功预订KTV包厢"),
    Target(name="webauthn_passkey_enrolled", title={"en": "Passkey enrolled", "zh": "注册通行密钥"}, owner="team:identity"),
    Target(name="pet_adoption_form_withdrawn", title={"en": "Adoption of a pet withdrawn", "zh": "撤回宠物领养申请"}),
    Target(name="yuyin_lianmai_muted", title="语音连麦静音", description="主播或嘉宾在连麦时主动静音"),
    Target(name="odometer_rollback_suspected", title={"en": "Odometer rollback suspected", "zh": "疑似里程表回调"}, owner="person:tomas.novak"),
    Target(name="stamp_duty_calculated", title={"en": "Stamp duty calculated", "zh": "计算印花税"}, properties={"bond_class": ("perpetual_at1",)}),
    Target(name="tab_hibernate_restored", title="Hibernated tab restored", description="A tab that slept to spare memory came back."),
    Target(name="red_packet_rain_ended", title="红包雨结束", description="红包雨活动倒计时归零"),
    Target(name="clipboard_link_recognised", title={"en": "Link in the clipboard recognised", "zh": "识别剪贴板链接"}),
    Target(name="zero_knowledge_backup_made", title="Zero-knowledge backup made", owner="team:vault"),
    Target(name="bicycle_dock_full", title={"en": "Bicycle dock full", "zh": "自行车桩位已满"}, tags=("micromobility",)),
    Target(name="smart_speaker_wake_misfire", title={"en": "Speaker woke by mistake", "zh": "智能音箱误唤醒"}),
    Target(name="payroll_batch_countersigned", title={"en": "Payroll batch countersigned", "zh": "工资批次会签"}, grade="P0", owner="team:payroll"),
]  # fmt: skip

_R = "invoice_reissue_requested"
QUERIES = [
    Query("invoice_reissue_requested", "name", (_R,)),
    Query("PayButtonLongPress", "name", ("PayButtonLongPress",)),
    Query("webauthn_passkey_enrolled", "name", ("webauthn_passkey_enrolled",)),
    Query("pay button long press", "name", ("PayButtonLongPress",)),
    Query("bicycle dock full", "name", ("bicycle_dock_full",)),
    Query("karaoke-pitch-scored", "name", ("karaoke_pitch_scored",)),
    Query("red packet rain", "name", ("red_packet_rain_ended",)),
    Query("ktv room", "name", ("ktvRoomBooked",)),
    Query("parental lock", "name", ("parental_lock_passed",)),
    Query("shake feedback", "name", ("shake_to_feedback",)),
    Query("reissue invoice", "words", (_R,)),
    Query("unlock by fingerprint", "words", ("fingerprint_unlock_failed",)),
    Query("guest did not show up", "words", ("table_reservation_no_show",)),
    Query("corrected tax invoice", "words", (_R,)),
    Query("temperature range delivery box", "words", ("cold_chain_temperature_alarm",)),
    Query("phone shaken", "words", ("shake_to_feedback",)),
    Query("wrong subtitle translation", "words", ("subtitle_translation_reported",)),
    Query("captcha phone call", "words", ("sms_captcha_voice_fallback",)),
    Query("step free route", "words", ("wheelchair_route_chosen",)),
    Query("withdraw pet adoption", "words", ("pet_adoption_form_withdrawn",)),
    Query("tab slept memory", "words", ("tab_hibernate_restored",)),
    Query("thirty minutes reserved time arrival", "words", ("table_reservation_no_show",)),
    Query("speaker woke by mistake", "words", ("smart_speaker_wake_misfire",)),
    Query("link from the clipboard", "words", ("clipboard_link_recognised",)),
    Query("calculate stamp duties", "words", ("stamp_duty_calculated",)),
    Query("重开发票", "zh", (_R,)),
    Query("申请重开发票", "zh", (_R,)),
    Query("支付按钮长按", "zh", ("PayButtonLongPress",)),
    Query("长按支付", "zh", ("PayButtonLongPress",)),
    Query("指纹解锁", "zh", ("fingerprint_unlock_failed",)),
    Query("冷链告警", "zh", ("cold_chain_temperature_alarm",)),
    Query("团长免单", "zh", ("grp_buy_leader_exempt",)),
    Query("语音验证码", "zh", ("sms_captcha_voice_fallback",)),
    Query("情侣空间", "zh", ("qinglv_kongjian_bind",)),
    Query("家长锁", "zh", ("parental_lock_passed",)),
    Query("举报字幕翻译", "zh", ("subtitle_translation_reported",)),
    Query("摇一摇", "zh", ("shake_to_feedback",)),
    Query("盲盒保底", "zh", ("blind_box_pity_triggered",)),
    Query("隐藏款", "zh", ("blind_box_pity_triggered",)),
    Query("无障碍路线", "zh", ("wheelchair_route_chosen",)),
    Query("处方驳回", "zh", ("prescription_photo_rejected",)),
    Query("预订包厢", "zh", ("ktvRoomBooked",)),
    Query("宠物领养", "zh", ("pet_adoption_form_withdrawn",)),
    Query("连麦静音", "zh", ("yuyin_lianmai_muted",)),
    Query("里程表", "zh", ("odometer_rollback_suspected",)),
    Query("红包雨", "zh", ("red_packet_rain_ended",)),
    Query("剪贴板", "zh", ("clipboard_link_recognised",)),
    Query("音箱误唤醒", "zh", ("smart_speaker_wake_misfire",)),
    Query("工资会签", "zh", ("payroll_batch_countersigned",)),
    Query("自行车桩位", "zh", ("bicycle_dock_full",)),
    Query("增值税发票", "zh", (_R,)),
    Query("tuanzhangmiandan", "pinyin", ("grp_buy_leader_exempt",)),
    Query("tuanzhang miandan", "pinyin", ("grp_buy_leader_exempt",)),
    Query("zhiwen jiesuo", "pinyin", ("fingerprint_unlock_failed",)),
    Query("manghe", "pinyin", ("blind_box_pity_triggered",)),
    Query("hongbaoyu", "pinyin", ("red_packet_rain_ended",)),
    Query("qinglvkongjian", "pinyin", ("qinglv_kongjian_bind",)),
    Query("chongwu lingyang", "pinyin", ("pet_adoption_form_withdrawn",)),
    Query("lianmai jingyin", "pinyin", ("yuyin_lianmai_muted",)),
    Query("jiantieban", "pinyin", ("clipboard_link_recognised",)),
    Query("zhifuanniuchangan", "pinyin", ("PayButtonLongPress",)),
    Query("hbyjs", "initials", ("red_packet_rain_ended",)),
    Query("tzmd", "initials", ("grp_buy_leader_exempt",)),
    Query("sqzkfp", "initials", (_R,)),
    Query("invioce reissue", "typo", (_R,)),
    Query("fingerprnt unlock", "typo", ("fingerprint_unlock_failed",)),
    Query("karoake pitch", "typo", ("karaoke_pitch_scored",)),
    Query("tempreature alarm", "typo", ("cold_chain_temperature_alarm",)),
    Query("perscription photo", "typo", ("prescription_photo_rejected",)),
    Query("odometer rolback", "typo", ("odometer_rollback_suspected",)),
    Query("bycicle dock", "typo", ("bicycle_dock_full",)),
    Query("escrow realease dispute", "typo", ("escrow_release_disputed",)),
    Query("parential lock", "typo", ("parental_lock_passed",)),
    Query("paskey enrolled", "typo", ("webauthn_passkey_enrolled",)),
    Query("carbon ofset", "typo", ("carbon_offset_purchased",)),
    Query("指纹解琐", "typo", ("fingerprint_unlock_failed",)),
    Query("invoice reis", "prefix", (_R,)),
    Query("fingerpr", "prefix", ("fingerprint_unlock_failed",)),
    Query("karao", "prefix", ("karaoke_pitch_scored",)),
    Query("pay button lo", "prefix", ("PayButtonLongPress",)),
    Query("smart spea", "prefix", ("smart_speaker_wake_misfire",)),
    Query("escr", "prefix", ("escrow_release_disputed",)),
    Query("zero kn", "prefix", ("zero_knowledge_backup_made",)),
    Query("盲盒保", "prefix", ("blind_box_pity_triggered",)),
    Query("wrong_tax_number", "value", (_R,)),
    Query("vendor_1007", "value", ("fingerprint_unlock_failed",)),
    Query("unreadable stamp", "value", ("prescription_photo_rejected",)),
    Query("counterfeit", "value", ("escrow_release_disputed",)),
    Query("perpetual_at1", "value", ("stamp_duty_calculated",)),
    Query("key_shift", "value", ("karaoke_pitch_scored",)),
    Query("team:cold-chain", "owner", ("cold_chain_temperature_alarm",)),
    Query("ingrid solberg", "owner", ("carbon_offset_purchased",)),
    Query("person:mei.tanaka", "owner", ("PayButtonLongPress",)),
    Query("tomas.novak", "owner", ("odometer_rollback_suspected",)),
    Query("team:pharmacy", "owner", ("prescription_photo_rejected",)),
    Query("team payroll batch", "owner", ("payroll_batch_countersigned",)),
    Query("micromobility", "tag", ("bicycle_dock_full",)),
    Query("accessibility", "tag", ("wheelchair_route_chosen",)),
    Query("minors lock", "tag", ("parental_lock_passed",)),
    Query("group buying leader order free", "translation", ("grp_buy_leader_exempt",)),
    Query("live voice mute", "translation", ("yuyin_lianmai_muted",)),
    Query("休眠 标签 恢复", "translation", ("tab_hibernate_restored",)),
    Query("零知识 备份", "translation", ("zero_knowledge_backup_made",)),
    Query("couple space bind", "translation", ("qinglv_kongjian_bind",)),
    Query("红包雨 end", "mixed", ("red_packet_rain_ended",)),
    Query("KTV包厢", "mixed", ("ktvRoomBooked",)),
    Query("支付按钮 long press", "mixed", ("PayButtonLongPress",)),
    Query("发票 reissue", "mixed", (_R,)),
    Query("卡拉OK pitch", "mixed", ("karaoke_pitch_scored",)),
]  # fmt: skip
