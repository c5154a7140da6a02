"""Words that the made-up catalogue is written with. Data only."""

from __future__ import annotations

DOMAINS: dict[str, list[tuple[str, str]]] = {
    "shop": [
        ("order", "订单"), ("cart", "购物车"), ("product", "商品"), ("coupon", "优惠券"), ("payment", "支付"),
        ("refund", "退款"), ("address", "收货地址"), ("review", "评价"), ("favourite", "收藏"), ("pay button", "支付按钮"),
        ("search result", "搜索结果"), ("category", "分类"), ("flash sale", "秒杀"), ("invoice", "发票"), ("gift card", "礼品卡"),
        ("delivery", "配送"), ("store", "店铺"), ("price alert", "降价提醒"), ("membership", "会员"), ("points", "积分"),
    ],
    "media": [
        ("video", "视频"), ("article", "文章"), ("comment", "评论"), ("playlist", "播放列表"), ("channel", "频道"),
        ("live room", "直播间"), ("bullet comment", "弹幕"), ("gift", "礼物"), ("advert", "广告"), ("subtitle", "字幕"),
        ("episode", "剧集"), ("podcast", "播客"), ("cover", "封面"), ("creator", "创作者"), ("topic", "话题"),
        ("share panel", "分享面板"), ("download", "下载"), ("play button", "播放按钮"), ("feed card", "信息流卡片"), ("hot list", "热榜"),
    ],
    "game": [
        ("level", "关卡"), ("match", "对局"), ("guild", "公会"), ("weapon", "武器"), ("skin", "皮肤"),
        ("treasure box", "宝箱"), ("daily task", "每日任务"), ("achievement", "成就"), ("friend", "好友"), ("rank", "段位"),
        ("battle pass", "战令"), ("hero", "英雄"), ("map", "地图"), ("team", "队伍"), ("mail", "邮件"),
        ("recharge", "充值"), ("tutorial", "新手引导"), ("lottery", "抽奖"), ("energy", "体力"), ("boss", "首领"),
    ],
    "saas": [
        ("workspace", "工作区"), ("project", "项目"), ("task", "任务"), ("dashboard", "看板"), ("report", "报表"),
        ("invitation", "邀请"), ("seat", "席位"), ("subscription", "订阅"), ("trial", "试用"), ("integration", "集成"),
        ("document", "文档"), ("template", "模板"), ("approval", "审批"), ("permission", "权限"), ("export", "导出"),
        ("notification", "通知"), ("workflow", "工作流"), ("ticket", "工单"), ("meeting", "会议"), ("form", "表单"),
    ],
    "bank": [
        ("transfer", "转账"), ("account", "账户"), ("card", "银行卡"), ("loan", "贷款"), ("deposit", "存款"),
        ("fund", "基金"), ("bill", "账单"), ("identity check", "实名认证"), ("password", "密码"), ("face scan", "人脸识别"),
        ("insurance", "保险"), ("repayment", "还款"), ("exchange rate", "汇率"), ("credit limit", "信用额度"), ("branch", "网点"),
        ("statement", "对账单"), ("risk survey", "风险测评"), ("transfer button", "转账按钮"), ("payee", "收款人"), ("receipt", "回单"),
    ],
    "travel": [
        ("flight", "航班"), ("hotel", "酒店"), ("room", "房型"), ("ticket", "车票"), ("itinerary", "行程"),
        ("passenger", "乘客"), ("seat map", "选座"), ("visa", "签证"), ("guide", "攻略"), ("attraction", "景点"),
        ("luggage", "行李"), ("boarding pass", "登机牌"), ("rental car", "租车"), ("calendar", "日历"), ("check-in", "值机"),
        ("ride", "打车"), ("driver", "司机"), ("route", "路线"), ("fare", "票价"), ("city picker", "城市选择"),
    ],
}  # fmt: skip

ACTIONS: list[tuple[str, str, str]] = [
    ("click", "clicked", "点击"), ("view", "viewed", "浏览"), ("show", "shown", "曝光"), ("submit", "submitted", "提交"),
    ("cancel", "cancelled", "取消"), ("create", "created", "创建"), ("delete", "deleted", "删除"), ("update", "updated", "更新"),
    ("open", "opened", "打开"), ("close", "closed", "关闭"), ("share", "shared", "分享"), ("save", "saved", "保存"),
    ("start", "started", "开始"), ("finish", "finished", "完成"), ("fail", "failed", "失败"), ("succeed", "succeeded", "成功"),
    ("select", "selected", "选择"), ("scroll", "scrolled", "滑动"), ("load", "loaded", "加载"), ("expire", "expired", "过期"),
    ("search", "searched", "搜索"), ("filter", "filtered", "筛选"), ("confirm", "confirmed", "确认"), ("drag", "dragged", "拖动"),
    ("expand", "expanded", "展开"), ("collapse", "collapsed", "收起"), ("refresh", "refreshed", "刷新"), ("copy", "copied", "复制"),
]  # fmt: skip

PLACES: list[tuple[str, str]] = [
    ("home page", "首页"), ("detail page", "详情页"), ("checkout", "结算页"), ("profile", "个人中心"), ("settings", "设置页"),
    ("list page", "列表页"), ("popup", "弹窗"), ("banner", "横幅"), ("side bar", "侧边栏"), ("tab bar", "底部导航"),
    ("onboarding", "引导页"), ("push", "推送"), ("widget", "小组件"), ("mini program", "小程序"), ("landing page", "落地页"),
    ("help centre", "帮助中心"), ("activity page", "活动页"), ("message centre", "消息中心"),
]  # fmt: skip

TEMPLATES: list[tuple[str, str]] = [
    ("Sent once the {thing} was {past} at the {place}.", "用户在{place}{verb}{thing}后上报。"),
    (
        "The user {past} a {thing}; counts once per session.",
        "用户{verb}{thing}时触发，每个会话只记一次。",
    ),
    (
        "Fires on {verb} of the {thing}, whatever the outcome.",
        "{verb}{thing}时上报，不论成功与否。",
    ),
    ("Needed for the funnel of the {place}: {thing} {past}.", "{place}漏斗使用：{verb}{thing}。"),
    (
        "Measures how often people {verb} the {thing} from the {place}.",
        "统计用户从{place}{verb}{thing}的次数。",
    ),
]

TEAMS: list[str] = [
    f"team:{name}"
    for name in (
        "pay", "growth", "search", "feed", "ads", "live", "logistics", "risk", "crm", "membership", "content", "games-core",
        "platform", "mobile", "web", "data", "marketing", "support", "billing", "identity", "messaging", "maps", "travel", "credit",
        "wealth", "infra", "recommend", "creator", "social", "checkout",
    )
]  # fmt: skip

SURNAMES: list[str] = [
    "chen", "wang", "li", "zhang", "liu", "yang", "zhao", "huang", "zhou", "wu", "xu", "sun", "ma", "zhu", "hu", "guo",
    "smith", "jones", "brown", "garcia", "miller", "davis", "lopez", "wilson", "moore", "clark", "lewis", "young", "king", "wright",
]  # fmt: skip

_COMMON: list[tuple[str, str, str, str, str, tuple[str, ...]]] = [
    ("what", "amount", "Amount", "金额", "number", ()),
    ("what", "currency", "Currency", "币种", "string", ("CNY", "USD", "EUR", "JPY", "GBP")),
    ("what", "payment_method", "Payment method", "支付方式", "string", ("alipay", "wechat_pay", "credit_card", "paypal", "apple_pay")),
    ("what", "order_id", "Order number", "订单号", "string", ()),
    ("what", "sku", "SKU", "商品编码", "string", ()),
    ("what", "quantity", "Quantity", "数量", "integer", ()),
    ("what", "status", "Status", "状态", "string", ("pending", "done", "rejected", "timeout")),
    ("what", "duration_ms", "Duration", "时长", "integer", ()),
    ("what", "error_code", "Error code", "错误码", "string", ()),
    ("what", "result", "Result", "结果", "string", ("success", "failure")),
    ("what", "position", "Position", "位置", "integer", ()),
    ("what", "source", "Source", "来源", "string", ("organic", "paid", "referral", "email")),
    ("what", "keyword", "Keyword", "关键词", "string", ()),
    ("what", "coupon_id", "Coupon", "优惠券编号", "string", ()),
    ("what", "discount", "Discount", "折扣", "number", ()),
    ("what", "is_first", "First time", "是否首次", "boolean", ()),
    ("what", "score", "Score", "评分", "integer", ()),
    ("what", "length", "Length", "长度", "integer", ()),
    ("where", "page", "Page", "页面", "string", ()),
    ("where", "module", "Module", "模块", "string", ()),
    ("where", "referrer", "Referrer", "来源页", "string", ()),
    ("where", "city", "City", "城市", "string", ()),
    ("how", "network", "Network", "网络", "string", ("wifi", "4g", "5g", "offline")),
    ("how", "theme", "Theme", "主题", "string", ("light", "dark")),
    ("how", "language", "Language", "语言", "string", ("en", "zh", "ja", "de")),
    ("who", "vip_level", "VIP level", "会员等级", "integer", ()),
    ("who", "account_type", "Account type", "账户类型", "string", ("free", "pro", "enterprise")),
    ("who", "experiment", "Experiment", "实验", "string", ()),
]  # fmt: skip
_THINGS = [pair for pairs in DOMAINS.values() for pair in pairs]
_SIDES = [("id", "number", "编号"), ("count", "count", "数量"), ("type", "type", "类型")]
PROPERTIES: list[tuple[str, str, str, str, str, tuple[str, ...]]] = _COMMON + [
    (
        "what",
        f"{en.replace(' ', '_').replace('-', '_')}_{side}",
        f"{en} {words}",
        zh + zh_side,
        "string",
        (),
    )
    for en, zh in _THINGS
    for side, words, zh_side in _SIDES
]
