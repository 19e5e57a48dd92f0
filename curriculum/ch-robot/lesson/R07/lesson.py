# %% [markdown] id="intro" kind="text"
# # ラインをたどる：ON/OFF から P へ
#
# ![ロボットを上から見た図。左の目が黒いラインの上、右の目が白いゆかの上](eyes.svg)
#
# **めあて：** ずれの大きさに合わせて曲がり、ラインを 1 周します。
#
# 10 さい（小学 5 年生）から ・ 45 分 ・ いるもの：このノートブックだけ（ロボットはシミュレーターの中です）
#
# ロボットには 2 つの目があります。**0 は白、1 は黒**です。左の目が `left`、右の目が `right` です。
# ロボットは 1 秒に 50 回 `step(left, right)` をよびます。答えは 2 つのモーターの数 `(左, 右)` で、
# **-1（全力で後ろ）から 1（全力で前）** までです。
#
# ずれが 2 倍なら曲がる強さも 2 倍。これを{比例|ひれい}といいます。
#
# セルを動かすには、セルをえらんで **Shift + Enter** をおします。おわらないときは、上の **■** をおします。
#
# <details lang="en"><summary>English</summary>
#
# **Goal:** steer in proportion to the error and finish 1 lap. Age 10 and up (grade 5), 45 minutes; you need only this
# notebook (the robot is in the simulator).
#
# The robot has 2 eyes: **0 is white, 1 is black**. The left eye is `left`, the right eye is `right`. The robot calls
# `step(left, right)` 50 times in 1 second. The answer is 2 motor numbers `(left, right)` from **-1 (full back) to
# 1 (full forward)**. When the error is 2 times as large, turn 2 times as hard: that is called proportional.
# To run a cell, click it and press **Shift + Enter**. If it never ends, press **■** above.
# </details>

# %% id="setup" kind="locked"
from robokit import run, show

# %% [markdown] id="yosou_text" kind="text"
# ## 1. よそう
#
# 下のプログラムは ON/OFF せいぎょです。左の目が黒ければ左へ、そうでなければ右へ、**いつも同じ強さ**で曲がります。
# まだ動かさずに読みましょう。どんな走り方になると思いますか。
#
# - **A** なめらか
# - **B** ジグザグ
# - **C** ラインからはなれていく
#
# 下のセルに `yosou = "A"` のように書きます。当たらなくても点になります。
#
# <details lang="en"><summary>English</summary>
#
# Predict. The program below is on/off control: it turns left when the left eye sees more black, else right, **always
# equally hard**. Read it before you run it. How will it drive? **A** smooth, **B** zig-zag, **C** it leaves the
# line. Write `yosou = "A"` (or B, or C) below. Any guess scores.
# </details>

# %% id="onoff" kind="locked"
def onoff(left, right):
    if left > right:
        return 0.2, 0.6   # 左へ曲がる / turn left
    return 0.6, 0.2       # 右へ曲がる / turn right

# %% id="yosou" kind="answer"
### BEGIN SOLUTION
yosou = "B"
### END SOLUTION

# %% id="t_yosou" kind="test" points=1
# たしかめ / check
from robokit.lessons import r07
r07.yosou()

# %% [markdown] id="run_text" kind="text"
# ## 2. うごかす
#
# 走らせて、よそうとくらべましょう。`noise=0.03` は、目が少しまちがえるということです。本物の目もそうです。
# 上の図は走った道、下の図ははじめの 4 秒の曲がり方です。
#
# <details lang="en"><summary>English</summary>
#
# Run it and compare with your guess. `noise=0.03` means that the eyes are a little wrong, as real eyes are.
# Above: the way it drove. Below: how it steered in the first 4 seconds.
# </details>

# %% id="run_onoff" kind="locked"
# 1. 走らせる / drive
hashiri = run(onoff, noise=0.03)
# 2. 線と数を見る / see the trace and the numbers
show(hashiri)

# %% [markdown] id="shiraberu_text" kind="text"
# ## 3. しらべる
#
# **wobble** は「ふらふらの大きさ」です。なめらかなら 0 に近い数です。
#
# 下のセルの `MAGARI`（曲がる強さ）を 0.1 から **0.3** にかえて、もういちど走らせましょう。wobble はどうなりますか。
#
# <details lang="en"><summary>English</summary>
#
# **wobble** says how much it wobbles; smooth is near 0. Change `MAGARI` (how hard it turns) below from 0.1 to **0.3**
# and drive again. What happens to wobble?
# </details>

# %% id="magari" kind="free"
MAGARI = 0.1   # ← ここをかえる / change this


def onoff2(left, right):
    if left > right:
        return 0.4 - MAGARI, 0.4 + MAGARI
    return 0.4 + MAGARI, 0.4 - MAGARI

# %% id="run_magari" kind="locked"
show(run(onoff2, noise=0.03))

# %% [markdown] id="wobble_text" kind="text"
# 図の下の wobble の数を、`wobble = 12.3` のように書きましょう。
#
# <details lang="en"><summary>English</summary>
#
# Write the number wobble from under the picture, like `wobble = 12.3`.
# </details>

# %% id="shiraberu" kind="answer"
### BEGIN SOLUTION
MAGARI = 0.3
wobble = 34.2
### END SOLUTION

# %% id="t_shiraberu" kind="test" points=1
# たしかめ / check
from robokit.lessons import r07
r07.shiraberu()

# %% [markdown] id="narabe_text" kind="text"
# ## 4. ならべかえ
#
# 今度は、ずれが大きいほど大きく曲がります。このやり方を **P せいぎょ**といいます。
# 下の行をならべて `step` を作りましょう。**使わない行が 1 つあります。** `KP` と `BASE` はもう決まっています。
#
# ```
# A:     return BASE - KP * error, BASE + KP * error
# B: def step(left, right):
# C:     error = left + right
# D:     error = left - right
# ```
#
# `order = ["A", "B"]` のように、上からのじゅんに文字を書きます。
#
# <details lang="en"><summary>English</summary>
#
# Now it turns more when the error is larger. This is called **P control**. Put the lines in order to make `step`.
# **1 line is not needed.** `KP` and `BASE` are already set. Write the letters from top to bottom, like
# `order = ["A", "B"]`.
# </details>

# %% id="narabe" kind="answer"
### BEGIN SOLUTION
order = ["B", "D", "A"]
### END SOLUTION

# %% id="t_narabe" kind="test" points=1
# ならべた行を走らせてたしかめる / your lines are driven
from robokit.lessons import r07
r07.narabe()

# %% [markdown] id="umeru_text" kind="text"
# ## 5. うめる
#
# `KP` は「ずれの何倍曲がるか」です。`turn = ` の右を書いて、表を作りましょう。点はつきません。
#
# `turn = KP * □` の □ は何でしょう。ずれが 0.8 なら turn は 0.4、ずれが -0.2 なら turn は -0.1 になるはずです。
#
# <details lang="en"><summary>English</summary>
#
# `KP` says how many times the error you turn. Complete `turn = ` to make the table; it gives no points. What is □ in
# `turn = KP * □`? For error 0.8, turn should be 0.4; for error -0.2, turn should be -0.1.
# </details>

# %% id="umeru" kind="answer"
KP = 0.5
for error in [0.8, 0.2, -0.2]:
    turn = 0
    ### BEGIN SOLUTION
    turn = KP * error
    ### END SOLUTION
    print("error", error, "→ turn", turn)

# %% [markdown] id="step_text" kind="text"
# ## 6. つくる
#
# ロボットのプログラムを書きましょう。**このセルが、そのまま本物のロボットでも試合でも走ります。**
# だからこのセルには `KP`、`BASE`、`step` だけを書きます。
#
# - `KP` ずれの何倍曲がるか ・ `BASE` まん中を走る速さ
# - 左の目が黒いときは左へ、右の目が黒いときは右へ、同じ強さで曲がります。
# - ずれが小さいときは小さく、大きいときは大きく曲がります。
# - 40 秒で 1 周します。ラインから 5 cm はなれません。wobble は 5 より小さくします。
# - 目が少しまちがえても（`noise=0.03`、wobble は 15 まで）、1 cm ずれて走り出しても、かたほうのモーターが
#   93 % の力でも、1 周します。
#
# <details lang="en"><summary>English</summary>
#
# Make the robot's program. **This very cell also runs on the real robot and in a match**, so write only `KP`, `BASE`
# and `step` in it. `KP`: how many times the error you turn; `BASE`: the speed in the middle.
#
# - Turn left when the left eye sees black, right when the right eye does, equally hard.
# - Turn little when the error is small, more when it is large.
# - 1 lap in 40 seconds, never 5 cm from the line, wobble below 5.
# - Also when the eyes are a little wrong (`noise=0.03`, wobble up to 15), when it starts 1 cm beside the line, and when
#   one motor has only 93 % of its power.
# </details>

# %% id="step" kind="answer"
### BEGIN SOLUTION
KP = 0.25
BASE = 0.4
### END SOLUTION


def step(left, right):
    ### BEGIN SOLUTION
    error = left - right
    return BASE - KP * error, BASE + KP * error
    ### END SOLUTION

# %% id="tamesu" kind="free"
# 何回でもためせます / try as often as you like
show(run(step))

# %% id="t_shape" kind="test" points=1
# 2つの数をかえす。まん中では左右が同じ
# returns two numbers, equal in the middle
from robokit.lessons import r07
r07.shape()

# %% id="t_sign" kind="test" points=2
# 黒い目の方へ曲がる / turns to the eye on the line
from robokit.lessons import r07
r07.sign()
### BEGIN HIDDEN TESTS
from kaga_hidden import r07
r07.sign()
### END HIDDEN TESTS

# %% id="t_lap" kind="test" points=2
# なめらかに1周する / one smooth lap
from robokit.lessons import r07
r07.lap()
### BEGIN HIDDEN TESTS
from kaga_hidden import r07
r07.lap()
### END HIDDEN TESTS

# %% [markdown] id="explain_text" kind="text"
# ## 7. せつめい
#
# **KP を 2 倍にすると、走りはどうかわりますか。** ためしてから、数か絵で 1〜3 文で書きましょう。
# 日本語でなくても、図のせつめいでもかまいません。（2 点）
#
# <details lang="en"><summary>English</summary>
#
# **What changes when you make KP 2 times as large?** Try it, then write 1 to 3 sentences with a number or a drawing.
# Any language is fine. (2 points)
# </details>

# %% [markdown] id="m_explain" kind="explain" points=2
# KP を 0.25 から 0.5 にすると、noise=0.03 の wobble は 2.5 から 5 くらいにふえました。同じずれに対して 2 倍強く
# 曲がるので、目のまちがいにも 2 倍反応するからです。

# %% [markdown] id="doudatta" kind="text"
# ## 8. どうだった？ もっと
#
# むずかしさを 1（かんたん）から 5（むずかしい）で、下のセルに書いてください。書かなくてもかまいません。
#
# もっと：1 周をいちばん速くする `KP` と `BASE` をさがしましょう。noise=0.03 でも走れますか。
#
# <details lang="en"><summary>English</summary>
#
# How was it? Write 1 (easy) to 5 (hard) below if you like. More: find the `KP` and `BASE` of the fastest lap. Does it
# still drive with noise=0.03?
# </details>

# %% id="muzukashisa" kind="free"
muzukashisa = None

# %% [markdown] id="tobasu" kind="text"
# ## 9. れんしゅう試合に出よう
#
# 1. ノートブックをほぞんして、[{提出|ていしゅつ}のページ](/hub/user-redirect/kaga/)で{提出|ていしゅつ}します。
# 2. **{提出|ていしゅつ}すると、大会デスクがこのプログラムを試合に使えます。**
#    走るのは、上の `step` のセルそのものです。
# 3. 大会デスクの人にチーム名を言って、れんしゅう試合によんでもらいます。
# 4. 試合は [みんなの順位表](/services/robolev/) で見られます。
#
# <details lang="en"><summary>English</summary>
#
# Enter the practice match.
#
# 1. Save this notebook and **submit** it on the [page of tasks](/hub/user-redirect/kaga/).
# 2. **Once submitted, the tournament desk can use this program in a match.** What drives is the `step` cell itself.
# 3. Tell the desk your team's name; they call you for a practice match.
# 4. See it on the [public standings](/services/robolev/).
# </details>

# %% [markdown] id="data_text" kind="text"
# ## 10. 自分の試合のデータ（できる人だけ）
#
# 試合がおわったら、ロボットが送った数を読めます。`run` の列の番号を `telemetry( )` に入れましょう。
#
# <details lang="en"><summary>English</summary>
#
# Your own match data (optional). After a match you can read what the robot sent: put the number from column `run` into
# `telemetry( )`.
# </details>

# %% id="data" kind="free"
# 試合のあとで # を消して動かす / after a match, remove #
# from robokit import my_runs, telemetry, show_telemetry
# my_runs()
# show_telemetry(telemetry(my_runs()["run"][0]))
